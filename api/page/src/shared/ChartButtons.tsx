import { saveChart } from "../service/charts";
import type { Job, Kind } from "../service/types";
import { attempt } from "../store/notices";
import { words } from "../words";

const DRAWN: readonly Kind[] = ["learning_curve", "f1", "audit", "agreement", "map"];
const FORMATS = [
  ["svg", "SVG"],
  ["png", "PNG"],
] as const;

/** Saves the chart of an answer as a file; nothing where the service draws none of its kind. */
export function ChartButtons({ job }: { job: Job }) {
  if (!DRAWN.includes(job.kind as Kind)) return null;
  return (
    <>
      {FORMATS.map(([format, title]) => (
        <button
          key={format}
          type="button"
          class="quiet"
          title={words.charts.hint}
          aria-label={words.charts.save(title)}
          onClick={() => void attempt(() => saveChart(job, format))}
        >
          {title}
        </button>
      ))}
    </>
  );
}
