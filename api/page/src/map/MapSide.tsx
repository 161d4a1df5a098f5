import { useEffect, useMemo, useState } from "preact/hooks";
import type { Results } from "../service/types";
import { Photo } from "../shared/Photo";
import { classColour, Kbd } from "../shared/parts";
import { addressOf } from "../store/route";
import { number, words } from "../words";

const MOST_CLASSES = 30;
const PAUSE_MS = 60; // a pointer that passes by loads nothing

interface Given {
  result: Results["map"];
  at: number;
  held: boolean;
  hasBatch: boolean;
}

/** What is known of a point. */
export function inWords({ classes, class_names, predicted }: Results["map"], at: number): string {
  const given = classes[at] ?? -1;
  if (given >= 0) return class_names[given]!;
  const guess = predicted?.[at];
  return guess === undefined ? words.map.unlabelled : words.map.looksLike(class_names[guess]!);
}

/** The image of the point that is looked at, and what the colours mean. */
export function MapSide({ result, at, held, hasBatch }: Given) {
  const name = result.names[at]!;
  const labelled = useMemo(() => result.classes.filter((one) => one >= 0).length, [result]);
  return (
    <aside class="side" aria-label={words.map.under}>
      <figure class="photo">
        <Photo name={useSettled(name)} side={320} alt={name} eager />
      </figure>
      <div class="caption">
        <p>
          <strong>{inWords(result, at)}</strong>
        </p>
        <p class="dim name">{name}</p>
        <a class="button" href={addressOf("similar", { like: name })}>
          {words.label.similar} <Kbd>m</Kbd>
        </a>
        <p class="hint">{held ? words.map.pinned : words.map.free}</p>
      </div>
      <p class="small dim">{words.map.counted(result.names.length, result.images, labelled)}</p>
      <Swatches result={result} hasBatch={hasBatch} />
    </aside>
  );
}

function Swatches({ result, hasBatch }: { result: Results["map"]; hasBatch: boolean }) {
  const counts = useMemo(() => countsOf(result), [result]);
  return (
    <ul class="swatches">
      {counts.slice(0, MOST_CLASSES).map(([one, count]) => (
        <li key={one}>
          <span class="swatch" style={classColour(result.class_names[one]!, one)} />
          <span>{result.class_names[one]}</span>
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
function countsOf({ classes }: Results["map"]): [number, number][] {
  const counts = new Map<number, number>();
  for (const one of classes) if (one >= 0) counts.set(one, (counts.get(one) ?? 0) + 1);
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
