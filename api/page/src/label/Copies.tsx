import { Kbd } from "../shared/Kbd";
import { Photo } from "../shared/Photo";
import { setProject, theProject } from "../store/project";
import { words } from "../words";

const MOST_COPIES = 6;

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
