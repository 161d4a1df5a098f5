import type { PoolImage } from "../service/types";
import { Photo } from "../shared/Photo";
import type { AboutOthers } from "../store/browse";
import { open } from "../store/notices";
import { words } from "../words";

const SHOWN = 12;

/** Asks once what becomes of labels of others that say otherwise. Leaving them harms nothing, and is focused. */
export function aboutOthers(others: PoolImage[]): Promise<AboutOthers | null> {
  const { othersTitle, othersText, othersMine, othersBoth, othersLeave } = words.browse;
  return open<AboutOthers>(othersTitle(others.length), (close) => (
    <div>
      <ul class="strip">
        {others.slice(0, SHOWN).map(({ name, classes, person }) => (
          <li key={name} title={words.browse.given(classes?.join(" + ") ?? "", person)}>
            <Photo name={name} side={160} alt={`${name}: ${words.browse.given(classes?.join(" + ") ?? "", person)}`} />
          </li>
        ))}
      </ul>
      <p class="prose">{othersText}</p>
      <div class="row end">
        <button type="button" onClick={() => close("settle")}>
          {othersMine}
        </button>
        <button type="button" onClick={() => close("both")}>
          {othersBoth}
        </button>
        <button type="button" class="primary" data-first onClick={() => close("leave")}>
          {othersLeave}
        </button>
      </div>
    </div>
  ));
}
