import type { Agreement as Result } from "../service/types";
import { Meter } from "../shared/Meter";
import { addressOf } from "../store/route";
import { number, percent, words } from "../words";
import { Figures, num } from "./Figures";

const { agreement: say } = words;
type Part = Result["overall"];

/** How far people agree, whose labels to look at first, and what is to be settled. */
export function Agreement({ result }: { result: Result }) {
  const { overall, people, per_class: classes, disputed, settled } = result;
  return (
    <div class="answered">
      <div class="headline">
        <p class="big num">{overall.observed === null ? "–" : percent(overall.observed)}</p>
        <p>
          <strong>{say.observed}</strong>
          <span class="dim">
            {overall.observed === null ? ` · ${say.untold}` : say.headline(overall.images, result.labels)}
          </span>
          {overall.alpha !== null && <span class="dim">{say.alphaIs(inWords(overall))}</span>}
        </p>
      </div>
      <p class="row">
        <span class="grow">{say.settling(disputed, settled)}</span>
        {disputed > 0 && (
          <a class="button" href={addressOf("check")}>
            {say.settle}
          </a>
        )}
      </p>
      <Figures
        caption={say.byPerson}
        columns={[say.person, num(say.labels), num(say.shared), num(say.withConsensus, 2), num(say.alpha), say.worst]}
      >
        {people.map((one) => (
          <tr key={one.person}>
            <th scope="row">
              <a href={addressOf("browse", { person: one.person })}>{one.person}</a>
              {one.rank === 1 && one.with_consensus !== null && one.with_consensus < 1 && (
                <span class="badge">{say.first}</span>
              )}
            </th>
            <td class="num">{number(one.labels)}</td>
            <td class="num">{number(one.images)}</td>
            <Share share={one.with_consensus} label={say.withConsensus} />
            <td class="num">{inWords(one)}</td>
            <td>
              {one.worst_class !== null && (
                <a href={addressOf("browse", { person: one.person, class: one.worst_class })}>{one.worst_class}</a>
              )}
            </td>
          </tr>
        ))}
      </Figures>
      <Figures
        caption={say.byClass}
        columns={[say.class, num(say.shared), num(say.same, 2), num(say.alpha), say.mixedUp]}
      >
        {classes
          .toSorted((a, b) => (a.alpha ?? 2) - (b.alpha ?? 2))
          .map((one) => (
            <tr key={one.class}>
              <th scope="row">{one.class}</th>
              <td class="num">{number(one.images)}</td>
              <Share share={one.observed} label={say.same} />
              <td class="num">{inWords(one)}</td>
              <td>{one.mixed_up_with}</td>
            </tr>
          ))}
      </Figures>
      <p class="hint">{result.consensus_by === "crowdlab" ? say.byCrowdlab : say.byMajority}</p>
    </div>
  );
}

function Share({ share, label }: { share: number | null; label: string }) {
  return (
    <>
      <td class="num">{share === null ? "–" : percent(share)}</td>
      <td>{share !== null && <Meter share={share} label={`${label}: ${percent(share)}`} />}</td>
    </>
  );
}

function inWords({ alpha, alpha_interval: interval }: Part): string {
  if (alpha === null || !interval) return "–";
  const [low, high] = interval as unknown as [number, number];
  return say.alphaWith(alpha, low, high);
}
