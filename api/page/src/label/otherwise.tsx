// Where another person's file says otherwise, the person who labels is asked, with the image before them.

import { get } from "../service/service";
import type { LabelGiven, LabelsView, OneLabel } from "../service/types";
import { Photo } from "../shared/Photo";
import { untilDone } from "../store/connection";
import { open } from "../store/notices";
import { dispute, theProject } from "../store/project";
import { words } from "../words";

const MOST_SHOWN = 8;

/** Resolves with whether what is there is to be replaced. Left alone, both answers are kept to be settled. */
export async function otherwise(labels: readonly LabelGiven[]): Promise<boolean> {
  const theirs = await others(labels);
  const mine = labels.find((one) => one.class !== null)?.class;
  if (!mine || !theirs.length) return true; // gone meanwhile
  const replace = await open<boolean>(words.labels.otherwiseTitle, (close) => (
    <div>
      <figure class="photo asked-about">
        <Photo name={theirs[0]!.name} side={1024} alt={theirs[0]!.name} eager />
      </figure>
      <ul>
        {theirs.slice(0, MOST_SHOWN).map((one) => (
          <li key={one.name}>{words.labels.otherwise(one.name, one.class, `${one.person}.txt`)}</li>
        ))}
        {theirs.length > MOST_SHOWN && <li>{words.labels.more(theirs.length - MOST_SHOWN)}</li>}
      </ul>
      <p>
        <strong>{words.labels.yours(mine)}</strong>
      </p>
      <p class="hint">{words.labels.leaveHint}</p>
      <div class="row end">
        <button type="button" onClick={() => close(true)}>
          {words.labels.replace(mine)}
        </button>
        <button type="button" class="primary" data-first onClick={() => close(false)}>
          {words.labels.leaveIt}
        </button>
      </div>
    </div>
  ));
  if (!replace) for (const one of theirs) dispute({ theirs: one, mine });
  return replace === true;
}

/** What other people say of these names that isn't the same. */
async function others(labels: readonly LabelGiven[]): Promise<OneLabel[]> {
  const wanted = new Map(labels.map((one) => [one.name, one.class]));
  const found: OneLabel[] = [];
  const names = [...wanted.keys()];
  for (let at = 0; at < names.length; at += 100) {
    const query = { path_to_labels: theProject().labels, of: names.slice(at, at + 100) };
    const view = await untilDone(() => get<LabelsView>("labels", { query }));
    const all = [...(view.names ?? []), ...view.conflicts.filter((one) => wanted.has(one.name))];
    const other = all.filter((one) => one.class !== wanted.get(one.name) && one.person !== theProject().person);
    for (const one of other)
      if (!found.some(({ name, person }) => name === one.name && person === one.person)) found.push(one);
  }
  return found;
}
