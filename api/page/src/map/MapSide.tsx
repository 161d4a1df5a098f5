import type { Signal } from "@preact/signals";
import { useEffect, useMemo, useState } from "preact/hooks";
import { BoxPhoto } from "../boxes/BoxPhoto";
import { classColour } from "../shared/colour";
import { Kbd } from "../shared/Kbd";
import { Photo } from "../shared/Photo";
import { addressOf } from "../store/route";
import { number, words } from "../words";
import { type Colouring, isOfBoxes, labelledIn, type MapResult, mayHaveSeveral, toSimilar, whatIs } from "./colouring";

const MOST_CLASSES = 30;
const PAUSE_MS = 60; // a pointer that passes by loads nothing

interface Given {
  result: MapResult;
  colouring: Colouring;
  /** The class that colours them. */
  by: Signal<number | null>;
  at: number;
  held: boolean;
  hasBatch: boolean;
}

/** The image of the point that is looked at, and what the colours mean. */
export function MapSide({ result, colouring, by, at, held, hasBatch }: Given) {
  const name = result.names[at]!;
  const labelled = useMemo(() => labelledIn(result), [result]);
  const settled = useSettled(at);
  const n = result.names.length;
  return (
    <aside class="side" aria-label={words.map.under}>
      <figure class="photo">
        {isOfBoxes(result) ? (
          <BoxPhoto name={result.names[settled]!} place={result.boxes[settled]!} title={whatIs(result, settled)} />
        ) : (
          <Photo name={result.names[settled]!} side={320} alt={result.names[settled]!} eager />
        )}
      </figure>
      <div class="caption">
        <p>
          <strong>{whatIs(result, at)}</strong>
        </p>
        <p class="dim name">{name}</p>
        <a class="button" href={addressOf("similar", toSimilar(result, at))}>
          {words.label.similar} <Kbd>m</Kbd>
        </a>
        <p class="hint">{held ? words.map.pinned : words.map.free}</p>
      </div>
      <p class="small dim">
        {isOfBoxes(result)
          ? words.map.countedBoxes(n, result.all_boxes, result.images, labelled)
          : words.map.counted(n, result.images, labelled)}
      </p>
      {mayHaveSeveral(result) && (
        <label class="row small" for="coloured-by">
          {words.map.colouredBy}
          <select
            id="coloured-by"
            class="grow"
            value={by.value === null ? "" : `${by.value}`}
            onChange={({ currentTarget: { value } }) => {
              by.value = value === "" ? null : Number(value);
            }}
          >
            <option value="">{words.map.firstClass}</option>
            {result.class_names.map((one, index) => (
              <option key={one} value={index}>
                {one}
              </option>
            ))}
          </select>
        </label>
      )}
      <Swatches colouring={colouring} hasBatch={hasBatch} />
    </aside>
  );
}

function Swatches({ colouring, hasBatch }: { colouring: Colouring; hasBatch: boolean }) {
  const { names, quiet } = colouring;
  const counts = useMemo(() => countsOf(colouring), [colouring]);
  return (
    <ul class="swatches">
      {counts.slice(0, MOST_CLASSES).map(([one, count]) => (
        <li key={one}>
          <span class={one === quiet ? "swatch quiet" : "swatch"} style={classColour(names[one]!, one)} />
          <span>{names[one]}</span>
          <span class="num dim">{number(count)}</span>
        </li>
      ))}
      <li>
        <span class="swatch none" />
        {words.map.unlabelled}
      </li>
      {hasBatch && (
        <li>
          <span class="swatch ring" />
          {words.map.thisBatch}
        </li>
      )}
    </ul>
  );
}

/** By the number of the class, the largest first. */
function countsOf({ of }: Colouring): [number, number][] {
  const counts = new Map<number, number>();
  for (const one of Array.from(of)) if (one >= 0) counts.set(one, (counts.get(one) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
