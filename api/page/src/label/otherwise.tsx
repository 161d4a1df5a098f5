// Where another person's file says otherwise, the person who labels is asked, with the image before them.

import type { LabelGiven } from "../service/types";
import { Photo } from "../shared/Photo";
import { type Answer, inWords, isSame } from "../store/answer";
import { open } from "../store/notices";
import { dispute, theProject } from "../store/project";
import { type AllSaid, byImage, SETTLED } from "../store/settling";
import type { Decision } from "../store/sheet";
import { words } from "../words";

const MOST_SHOWN = 8;

/** Resolves with what is to become of both answers. */
export async function otherwise(labels: readonly LabelGiven[], seen: AllSaid): Promise<Decision> {
  const theirs = others(labels, seen);
  const [answer] = wantedIn(labels).values();
  if (!answer || !theirs.length) return "settle"; // gone meanwhile
  const mine = inWords(answer);
  const decision = await open<Decision>(words.labels.otherwiseTitle, (close) => (
    <div>
      <figure class="photo asked-about">
        <Photo name={theirs[0]!.name} side={1024} alt={theirs[0]!.name} eager />
      </figure>
      <ul>
        {theirs.slice(0, MOST_SHOWN).map((one) => (
          <li key={`${one.name} ${one.person}`}>{said(one)}</li>
        ))}
        {theirs.length > MOST_SHOWN && <li>{words.labels.more(theirs.length - MOST_SHOWN)}</li>}
      </ul>
      <p>
        <strong>{words.labels.yours(mine)}</strong>
      </p>
      <p class="hint">{words.labels.otherwiseHint}</p>
      <div class="row end">
        <button type="button" onClick={() => close("settle")}>
          {words.labels.mineCounts(mine)}
        </button>
        <button type="button" onClick={() => close("both")}>
          {words.labels.keepBoth}
        </button>
        <button type="button" class="primary" data-first onClick={() => close("leave")}>
          {words.labels.leaveIt}
        </button>
      </div>
    </div>
  ));
  if (decision !== "settle" && decision !== "both") {
    for (const { name, person, answer: other } of [...theirs].reverse())
      dispute({ theirs: { name, person, class: inWords(other) }, mine, answer });
  }
  return decision ?? "leave";
}

/** By name; null where it is to be taken back. */
function wantedIn(labels: readonly LabelGiven[]): Map<string, Answer | null> {
  const wanted = new Map<string, Answer | null>();
  for (const { name, class: one } of labels)
    wanted.set(name, one === null ? null : [...(wanted.get(name) ?? []), one].filter(Boolean));
  return wanted;
}

interface Other {
  name: string;
  person: string;
  answer: Answer;
}

/** What other people say of these names that isn't the same, and what is settled otherwise; what counts first. Of what is
 * settled, nothing else does. */
function others(labels: readonly LabelGiven[], seen: AllSaid): Other[] {
  const wanted = wantedIn(labels);
  return [...byImage(seen)].flatMap(([name, said]) =>
    [...said]
      .map(([person, answer]) => ({ name, person, answer }))
      .filter(({ person }) => !said.has(SETTLED) || person === SETTLED)
      .filter(({ person, answer }) => person !== theProject().person && !isSame(answer, wanted.get(name) ?? null)),
  );
}

const said = ({ name, person, answer }: Other) =>
  person === SETTLED
    ? words.labels.settledOtherwise(name, inWords(answer))
    : words.labels.otherwise(name, inWords(answer), `${person}.txt`);
