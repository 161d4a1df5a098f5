import type { ClassView } from "../service/types";
import { classColour } from "../shared/colour";
import { Kbd } from "../shared/Kbd";
import { Photo } from "../shared/Photo";
import { words } from "../words";

interface Given {
  one: ClassView;
  onChange: () => void;
}

/** A class: its key and colour, what it is, and how many labels it has. */
export function ClassRow({ one, onChange }: Given) {
  return (
    <div class="row class-row">
      <span class="chip" style={classColour(one.name)}>
        <Kbd>{one.key || "·"}</Kbd>
        <span class="class-name">{one.name}</span>
      </span>
      <span class="dim num">{words.classes.labels(one.labels)}</span>
      <span class="grow">{one.description}</span>
      {one.example && <Photo name={one.example} side={160} alt={one.example} />}
      <button type="button" onClick={onChange} aria-label={words.classes.change(one.name)}>
        …
      </button>
    </div>
  );
}
