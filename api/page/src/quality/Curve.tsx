import { useMemo } from "preact/hooks";
import type { BoxesCurve, Forecast, OneCurve, Results } from "../service/types";
import { number, score, words } from "../words";
import { capital } from "../words/formats";
import { Chart, type Series } from "./Chart";
import { Figures, figuresAfter } from "./Figures";

const { quality } = words;

/** The learning curve, its forecast, and the advice whether to go on. */
export function Curve({ result }: { result: Results["learning_curve"] }) {
  const { advice } = result;
  const curve = useMemo(() => ("task" in result ? ofImages(result) : result), [result]);
  const named = "task" in result ? quality.boxes.curve : quality;
  const { now, forecast, stability, coverage } = curve;
  const series = useMemo(() => seriesOf(curve), [curve]);
  const mark = useMemo(() => ({ x: curve.labels, text: quality.now }), [curve]);
  const best = [now, ...forecast].filter(told).at(-1);
  const kappa = stability?.kappas.at(-1);
  return (
    <div class="answered">
      <p class={`advice ${advice.verdict}`} role="status">
        <strong>{quality.verdict[advice.verdict]}</strong>{" "}
        {words.results?.advice(advice, curve.labels, "task" in result) ?? withoutVerdict(advice.sentence)}
      </p>
      <div class="curve">
        <Chart
          series={series}
          mark={mark}
          axes={named}
          label={
            told(now) && best
              ? named.curveAlt(now.f1_macro, best.f1_macro, best.labels, best.low, best.high)
              : named.curveAltUntold
          }
        />
        <p class="legend small">
          <span class="key c0">{quality.measuredKey}</span>
          <span class="key c1">{quality.forecastKey}</span>
        </p>
      </div>
      <Figures caption={quality.forecastTable} isOnlyHeard={true} columns={figuresAfter(1, named.columns)}>
        {[now, ...forecast].map((one) => (
          <Row key={one.extra} forecast={one} />
        ))}
      </Figures>
      <p class="prose small">{quality.forecastNote}</p>
      <p class="dim small">
        {[
          result.validation === "held out" ? quality.heldOut(result.validation_images) : quality.crossValidated,
          stability && kappa !== undefined ? quality.stability(stability.images, kappa) : "",
          coverage ? quality.coverage(coverage.share) : "",
        ]
          .filter(Boolean)
          .join(" ")}
      </p>
    </div>
  );
}

function Row({ forecast: { extra, labels, f1_macro, low, high } }: { forecast: Forecast }) {
  return (
    <tr>
      <th scope="row">{extra ? quality.extra(extra) : quality.now}</th>
      <td class="num">{number(labels)}</td>
      <td class="num">{f1_macro === null ? "" : score(f1_macro)}</td>
      <td class="num">{f1_macro === null ? quality.untold : quality.range(low, high)}</td>
    </tr>
  );
}

type Drawn = Pick<OneCurve, "labels" | "points" | "now" | "forecast" | "stability" | "coverage">;

/** The curve of a detector: images in the place of labels, and mAP@50 in that of macro F1. */
function ofImages({ images, points, now, forecast }: BoxesCurve): Drawn {
  const moved = ({ images: labels, map50: f1_macro, ...one }: BoxesCurve["now"]) => ({ ...one, labels, f1_macro });
  return {
    labels: images,
    points: points.map(({ images: labels, map50: f1_macro, repeats }) => ({ labels, f1_macro, repeats })),
    now: moved(now),
    forecast: forecast.map(moved),
    stability: null,
    coverage: null,
  };
}

function seriesOf({ points, now, forecast }: Drawn): Series[] {
  const measured = points.map(({ labels, f1_macro, repeats }) => ({
    x: labels,
    y: f1_macro,
    low: Math.min(f1_macro, ...repeats), // folds together may come to less than each
    high: Math.max(f1_macro, ...repeats),
  }));
  const ahead = [now, ...forecast]
    .filter(told)
    .map(({ labels, f1_macro, low, high }) => ({ x: labels, y: f1_macro, low, high }));
  return [
    { name: quality.measured, colour: 0, dashed: false, points: measured },
    { name: quality.forecastSeries, colour: 1, dashed: true, points: ahead },
  ];
}

function told(one: Forecast): one is Forecast & { f1_macro: number } {
  return one.f1_macro !== null;
}

/** The verdict stands above already. */
const withoutVerdict = (sentence: string) => capital(sentence.replace(/^(Go on|Stop here|Not sure): /, ""));
