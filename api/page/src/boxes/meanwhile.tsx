import type { Decide, Decision } from "../store/board";
import { open } from "../store/notices";
import { words } from "../words";

const say = words.boxes;

/** Asks what counts of what was drawn meanwhile: by others, where they are named, by oneself elsewhere, or what was
 * settled. What has the focus, and what closing it answers, loses nothing: what is taken there can be undone. */
export const meanwhile: Decide = async (entry, people, isSettled) => {
  const { name } = entry;
  const byNobodyElse = isSettled ? say.settledMeanwhile(name) : say.changedHere(name);
  const text = people.length ? say.changedBy(name, people.join(", ")) : byNobodyElse;
  const answer = await open<Decision>(say.changedTitle, (close) => (
    <div>
      <p class="prose">{text}</p>
      <p class="hint">{people.length ? say.keepBothHint : isSettled ? say.settledHint : say.takeHint}</p>
      <div class="row end">
        <button type="button" onClick={() => close("mine")}>
          {people.length || isSettled ? say.mineCounts : say.keepMine}
        </button>
        <button
          type="button"
          class={people.length ? "" : "primary"}
          data-first={!people.length || undefined}
          onClick={() => close("theirs")}
        >
          {say.takeTheirs}
        </button>
        {isSettled && (
          <button type="button" onClick={() => close("both")}>
            {say.keepInMine}
          </button>
        )}
        {people.length > 0 && (
          <button type="button" class="primary" data-first onClick={() => close("both")}>
            {say.keepBoth}
          </button>
        )}
      </div>
    </div>
  ));
  return answer ?? (people.length ? "later" : "theirs");
};
