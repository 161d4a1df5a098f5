import { Meter } from "../shared/Meter";
import type { Entry, Sheet } from "../store/sheet";
import { percent, words } from "../words";

/** Why an image was chosen, and what the model takes it for. */
export function Facts({ entry, sheet }: { entry: Entry; sheet: Sheet }) {
  const { top = [], cluster, name, index } = entry;
  return (
    <div class="facts">
      <p class="reason">
        <span class="dim">{words.label.place(index + 1, sheet.entries.length)}</span>{" "}
        {words.results?.image(entry) ?? entry.reason}
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
