// Where another person's file says otherwise, the person who labels is asked, with the image before them.

import { inAddresses } from "../service/addresses";
import { get } from "../service/service";
import type { LabelGiven, LabelsView } from "../service/types";
import { Photo } from "../shared/Photo";
import { type Answer, inWords, isSame } from "../store/answer";
import { untilDone } from "../store/connection";
import { open } from "../store/notices";
import { dispute, theProject, theTask } from "../store/project";
import type { Decision } from "../store/sheet";
import { words } from "../words";

const MOST_SHOWN = 8;

/** Resolves with what is to become of both answers. */
export async function otherwise(labels: readonly LabelGiven[]): Promise<Decision> {
  const theirs = await others(labels);
  const [answer] = wantedIn(labels).values();
  if (!answer || !theirs.length) return "replace"; // gone meanwhile
  const mine = inWords(answer);
  const decision = await open<Decision>(words.labels.otherwiseTitle, (close) => (
    <div>
      <figure class="photo asked-about">
        <Photo name={theirs[0]!.name} side={1024} alt={theirs[0]!.name} eager />
      </figure>
      <ul>
        {theirs.slice(0, MOST_SHOWN).map((one) => (
          <li key={one.name}>{words.labels.otherwise(one.name, inWords(one.answer), `${one.person}.txt`)}</li>
        ))}
        {theirs.length > MOST_SHOWN && <li>{words.labels.more(theirs.length - MOST_SHOWN)}</li>}
      </ul>
      <p>
        <strong>{words.labels.yours(mine)}</strong>
      </p>
      <p class="hint">{words.labels.leaveHint}</p>
      <div class="row end">
        <button type="button" onClick={() => close("replace")}>
          {words.labels.replace(mine)}
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
  if (decision !== "replace" && decision !== "both") {
    for (const { name, person, answer: other } of theirs)
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

/** What other people say of these names that isn't the same. */
async function others(labels: readonly LabelGiven[]): Promise<Other[]> {
  const wanted = wantedIn(labels);
  const found = new Map<string, Other>();
  for (const names of inAddresses([...wanted.keys()])) {
    if (!names.length) continue;
    const query = { path_to_labels: theProject().labels, of: names, ...theTask() };
    const view = await untilDone(() => get<LabelsView>("labels", { query }));
    const conflicts = view.conflicts.filter((one) => wanted.has(one.name));
    const disputed = new Set(conflicts.map(({ name }) => name)); // their lines stand among the names, too
    for (const { name, person, class: one } of [
      ...(view.names ?? []).filter((one) => !disputed.has(one.name)),
      ...conflicts,
    ]) {
      const key = `${person}\t${name}`;
      const answer = [...(found.get(key)?.answer ?? []), one].filter(Boolean);
      found.set(key, { name, person, answer });
    }
  }
  const { person: me } = theProject();
  return [...found.values()].filter((one) => one.person !== me && !isSame(one.answer, wanted.get(one.name) ?? null));
}
