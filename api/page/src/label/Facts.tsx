import { Photo } from "../shared/Photo";
import { Kbd, Meter } from "../shared/parts";
import { setProject, theProject } from "../store/project";
import type { Entry, Sheet } from "../store/sheet";
import { percent, words } from "../words";

const MOST_COPIES = 6;

/** Why an image was chosen, and what the model takes it for. */
export function Facts({ entry, sheet }: { entry: Entry; sheet: Sheet }) {
  const { reason, top = [], cluster, name, index } = entry;
  return (
    <div class="facts">
      <p class="reason">
        <span class="dim">{words.label.place(index + 1, sheet.entries.length)}</span> {reason}
      </p>
      {top.map((one) => (
        <div class="bar" key={one.class}>
          <span>{one.class}</span>
          <Meter share={one.probability} label={words.label.probability(one.class, one.probability)} />
          <span class="num">{percent(one.probability)}</span>
        </div>
      ))}
      <p class="name dim" title={name}>
        <span>{name}</span>
        {cluster !== null && cluster !== undefined && <span class="badge">{words.label.cluster(cluster)}</span>}
      </p>
    </div>
  );
}

/** Near-copies that were left out, and whether they get the same label. */
export function Copies({ copies }: { copies: readonly string[] }) {
  if (!copies.length) return null;
  return (
    <div class="copies">
      <label class="check" for="copies">
        <input
          type="checkbox"
          id="copies"
          checked={theProject().copies ?? false}
          onChange={(event) => setProject({ copies: event.currentTarget.checked })}
        />{" "}
        {words.label.copies(copies.length)} <Kbd>y</Kbd>
      </label>
      <div class="strip">
        {copies.slice(0, MOST_COPIES).map((name) => (
          <Photo key={name} name={name} side={160} alt={name} />
        ))}
      </div>
    </div>
  );
}
