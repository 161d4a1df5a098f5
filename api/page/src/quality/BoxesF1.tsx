// How good a detector is: mAP, class by class, and what kinds of errors it makes.

import type { BoxesF1 as Result } from "../service/types";
import { percent, score, words } from "../words";
import { Figures, figuresAfter } from "./Figures";

const say = words.quality.boxes;

export function BoxesF1({ result }: { result: Result }) {
  const { map50, map50_interval: interval, mean_average_precision: map, average_recall, f1 } = result;
  if (map50 === null || !interval) return <p class="notice">{say.noObject}</p>;
  const misses = Object.entries(result.misses_by_kind).filter(([, count]) => count);
  return (
    <div class="answered">
      <div class="headline">
        <p class="big num">{score(map50)}</p>
        <p>
          <strong>{say.map50}</strong>
          <span class="dim">{say.headline(...interval, result.validation_boxes, result.validation_images)}</span>
        </p>
      </div>
      <ul class="plain scores">
        {map !== null && <li>{say.map(map)}</li>}
        {average_recall !== null && <li>{say.recall(average_recall)}</li>}
        {f1 !== null && <li>{say.f1(f1)}</li>}
        {misses.length > 0 && <li>{say.misses(misses.map(([kind, count]) => say.miss(kind, count)).join(", "))}</li>}
      </ul>
      {result.classes_without_predictions.length > 0 && (
        <p class="notice small">{say.neverFound(result.classes_without_predictions.join(", "))}</p>
      )}
      <Figures caption={words.quality.byClass} kind="by-class" columns={figuresAfter(1, say.columns)}>
        {result.per_class
          .toSorted((a, b) => (a.ap50 ?? 0) - (b.ap50 ?? 0))
          .map((one) => (
            <tr key={one.class}>
              <th scope="row">{one.class}</th>
              <td class="num">{one.ap50 === null ? say.none : score(one.ap50)}</td>
              <td class="num">{one.ap50_interval ? words.quality.range(...one.ap50_interval) : say.none}</td>
              <td class="num">{score(one.f1)}</td>
              <td class="num">{percent(one.precision)}</td>
              <td class="num">{percent(one.recall)}</td>
              <td class="num">{one.threshold === null ? say.none : percent(one.threshold)}</td>
              <td class="num">{one.objects}</td>
            </tr>
          ))}
      </Figures>
    </div>
  );
}
