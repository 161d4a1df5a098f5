import type { Job, Skipped } from "../service/types";
import { words } from "../words";
import { inWords } from "../words/faults";

const MOST_SKIPPED = 20;
const MOST_NAMES = 5;

/** Warnings of a job, and images it could not look at. */
export function Remarks({ job, skipped = [] }: { job: Job; skipped?: readonly Skipped[] }) {
  const lines = [
    ...job.warnings.map((one) => ({ text: inWords(one), names: one.names ?? [], count: one.count ?? 0 })),
    ...skipped.slice(0, MOST_SKIPPED).map((one) => ({
      text: `${one.name}: ${one.code ? inWords({ code: one.code, detail: one.reason }) : one.reason}`,
      names: [],
      count: 0,
    })),
  ];
  if (!lines.length) return null;
  return (
    <details class="remarks">
      <summary>{words.jobs.remarks(lines.length)}</summary>
      <ul>
        {lines.map(({ text, names, count }) => (
          <li key={text}>
            {text}{" "}
            <span class="dim">
              {names.slice(0, MOST_NAMES).join(", ")}
              {names.length > 0 && count > MOST_NAMES && ` ${words.labels.more(count - MOST_NAMES)}`}
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}
