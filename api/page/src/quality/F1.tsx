import type { OneF1 } from "../service/types";
import { Meter } from "../shared/Meter";
import { number, score, words } from "../words";
import { Confusion } from "./Confusion";
import { Figures, num } from "./Figures";

const { quality } = words;

export function F1({ result }: { result: OneF1 }) {
  const [low, high] = result.f1_macro_interval as unknown as [number, number];
  const untrained = result.classes_without_training_images.join(", ");
  const unseen = result.classes_without_validation_images.join(", ");
  return (
    <div class="answered">
      <div class="headline">
        <p class="big num">{score(result.f1_macro)}</p>
        <p>
          <strong>{quality.macroF1}</strong>
          <span class="dim">{quality.headline(low, high, result.accuracy, result.validation_images)}</span>
        </p>
      </div>
      {untrained && <p class="notice small">{quality.noTraining(untrained)}</p>}
      {unseen && <p class="notice small">{quality.noValidation(unseen)}</p>}
      <div class="fields two top-aligned">
        <ByClass result={result} />
        <Confusion result={result} />
      </div>
    </div>
  );
}

function ByClass({ result }: { result: OneF1 }) {
  const { byClassColumns: columns } = quality;
  return (
    <Figures
      caption={quality.byClass}
      columns={[columns.name, num(columns.f1, 2), num(columns.precision), num(columns.recall), num(columns.images)]}
    >
      {result.per_class
        .toSorted((a, b) => a.f1 - b.f1)
        .map((one) => (
          <tr key={one.class}>
            <th scope="row">{one.class}</th>
            <td class="num">{score(one.f1)}</td>
            <td>
              <Meter share={one.f1} label={quality.f1Of(one.f1)} />
            </td>
            <td class="num">{score(one.precision)}</td>
            <td class="num">{score(one.recall)}</td>
            <td class="num">{number(one.support)}</td>
          </tr>
        ))}
    </Figures>
  );
}
