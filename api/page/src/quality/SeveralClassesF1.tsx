// How good it is where an image may have several classes: class by class, what is missed, and what stands together.

import type { SeveralF1 } from "../service/types";
import { Meter } from "../shared/Meter";
import { open } from "../store/notices";
import { number, percent, score, words } from "../words";
import { Figures, figuresAfter, num } from "./Figures";
import { Gallery } from "./Gallery";

const MOST_PAIRS = 25;
const { several } = words.quality;

interface Given {
  result: SeveralF1;
}
type Miss = NonNullable<SeveralF1["misses"]>[number]["miss"];

export function SeveralClassesF1({ result }: Given) {
  const untrained = result.classes_without_training_images.join(", ");
  const unseen = result.classes_without_validation_images.join(", ");
  const [[low, high], [microLow, microHigh], [mapLow, mapHigh]] = [
    result.f1_macro_interval,
    result.f1_micro_interval,
    result.mean_average_precision_interval,
  ];
  return (
    <div class="answered">
      <div class="headline">
        <p class="big num">{score(result.f1_macro)}</p>
        <p>
          <strong>{words.quality.macroF1}</strong>
          <span class="dim">{several.headline(low, high, result.exact, result.validation_images)}</span>
        </p>
      </div>
      <ul class="plain scores">
        <li>{several.micro(result.f1_micro, microLow, microHigh)}</li>
        <li>{several.sample(result.f1_sample)}</li>
        <li>{several.map(result.mean_average_precision, mapLow, mapHigh)}</li>
        <li>{several.calibration(result.calibration_error)}</li>
      </ul>
      {untrained && <p class="notice small">{words.quality.noTraining(untrained)}</p>}
      {unseen && <p class="notice small">{words.quality.noValidation(unseen)}</p>}
      <ByClass result={result} />
      <TakenFor result={result} />
    </div>
  );
}

function ByClass({ result }: Given) {
  const { columns } = several;
  return (
    <Figures
      caption={words.quality.byClass}
      kind="by-class"
      columns={[columns.name, num(columns.f1, 2), num(columns.averagePrecision), ...figuresAfter(0, columns.others)]}
    >
      {result.per_class
        .toSorted((a, b) => a.f1 - b.f1)
        .map((one) => (
          <tr key={one.class}>
            <th scope="row">{one.class}</th>
            <td class="num">
              <Interval value={one.f1} interval={one.f1_interval} />
            </td>
            <td>
              <Meter share={one.f1} label={words.quality.f1Of(one.f1)} />
            </td>
            <td class="num">
              <Interval value={one.average_precision} interval={one.average_precision_interval} />
            </td>
            <td class="num">{score(one.precision)}</td>
            <td class="num">{score(one.recall)}</td>
            <td class="num">{one.threshold === null ? "–" : percent(one.threshold)}</td>
            <td class="num">{number(one.support)}</td>
            <td class="num">{number(one.predicted)}</td>
            <td class="num">
              <Misses result={result} name={one.class} miss="missing" />
            </td>
            <td class="num">
              <Misses result={result} name={one.class} miss="surplus" />
            </td>
          </tr>
        ))}
    </Figures>
  );
}

function Interval({ value, interval: [low, high] }: { value: number; interval: readonly number[] }) {
  return (
    <>
      {score(value)} <span class="dim small">{words.quality.range(low!, high!)}</span>
    </>
  );
}

/** How many images lack the class, or have it too much; pressed, it shows them. */
function Misses({ result, name, miss }: Given & { name: string; miss: Miss }) {
  const found = (result.misses ?? []).filter((one) => one.class === name && one.miss === miss);
  if (!found.length) return <span class="dim">{number(0)}</span>;
  const title = several[miss](found.length, name);
  const images = found.map((one) => ({ name: one.name, said: several.probability(one.probability) }));
  const show = () => void open<never>(title, () => <Gallery images={images} />, true);
  return (
    <button type="button" class="link" aria-label={words.quality.showThem(title)} onClick={show}>
      {number(found.length)}
    </button>
  );
}

/** Which class is given in the place of which, the most frequent first, and how often both stand together. */
function TakenFor({ result }: Given) {
  const { classes, taken_for: takenFor, together, predicted } = result.co_occurrence;
  const pairs = takenFor
    .flatMap((row, a) => row.map((n, b) => ({ n, a, b })))
    .filter(({ n, a, b }) => n && a !== b)
    .sort((one, other) => other.n - one.n)
    .slice(0, MOST_PAIRS);
  if (!pairs.length) return null;
  return (
    <Figures caption={several.confused} columns={figuresAfter(2, several.confusedColumns)}>
      {pairs.map(({ n, a, b }) => (
        <tr key={`${a} ${b}`}>
          <th scope="row">{classes[a]}</th>
          <td>{classes[b]}</td>
          <td class="num">{number(n)}</td>
          <td class="num">{number(together[a]![b]!)}</td>
          <td class="num">{number(predicted[a]![b]!)}</td>
        </tr>
      ))}
    </Figures>
  );
}
