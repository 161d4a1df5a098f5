import { go } from "../store/route";
import { words } from "../words";

/** Says that a newer batch is there, and leads to it. */
export function OldBatch() {
  return (
    <p class="notice">
      {words.label.oldBatch}{" "}
      <button type="button" class="link" onClick={() => go("label")}>
        {words.label.toNewest}
      </button>
    </p>
  );
}
