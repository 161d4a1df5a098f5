import { useMemo } from "preact/hooks";
import type { AuditArm, Results } from "../service/types";
import { words } from "../words";
import { Chart, type Series } from "./Chart";

const OF_CHANCE = 6;

/** Methods replayed beside chance. */
export function Audit({ result }: { result: Results["audit"] }) {
  const series = useMemo<Series[]>(
    () =>
      result.arms.map((arm, at) => ({
        name: arm.method,
        colour: at ? (at - 1) % OF_CHANCE : OF_CHANCE,
        dashed: at === 0,
        points: arm.labels.map((x, i) => ({ x, y: arm.f1_macro[i]! })),
      })),
    [result],
  );
  const sentence = words.results?.audit(result) ?? result.sentence;
  return (
    <div class="answered">
      <p class="advice" role="status">
        {sentence}
      </p>
      <div class="curve">
        <Chart series={series} label={words.quality.auditAlt(sentence)} />
        <p class="legend small">
          {series.map((one) => (
            <span key={one.name} class={`key c${one.colour}`}>
              {one.name}
            </span>
          ))}
        </p>
      </div>
      <ul class="plain">
        {result.arms.slice(1).map((arm) => (
          <li key={arm.method}>{words.results?.arm(arm, result) ?? named(arm)}</li>
        ))}
      </ul>
    </div>
  );
}

const named = ({ method, sentence }: AuditArm) => (sentence.includes(method) ? sentence : `${method} ${sentence}`);
