import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { number, score, words } from "../words";

export interface Series {
  name: string;
  /** A colour of the style sheet: --c0 ... --c6. */
  colour: number;
  dashed: boolean;
  points: readonly { x: number; y: number; low?: number; high?: number }[];
}

export interface Axes {
  labelsAxis: string;
  macroF1: string;
}

interface Given {
  series: readonly Series[];
  /** What it shows, in words. */
  label: string;
  /** A number of labels to mark, and what it is. */
  mark?: { x: number; text: string };
  /** What its axes are of; left out: labels and macro F1. */
  axes?: Axes;
}

const HEIGHT = 300;

/** A score by a number of labels. */
export function Chart({ series, label, mark, axes = words.quality }: Given) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const box = place.current!;
    let plot: uPlot | null = null;
    const draw = () => {
      plot?.destroy();
      plot = new uPlot(options(series, box, mark, axes), dataOf(series), box);
    };
    const resized = new ResizeObserver(() => plot?.setSize({ width: box.clientWidth, height: HEIGHT }));
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    draw();
    resized.observe(box);
    scheme.addEventListener("change", draw);
    return () => {
      scheme.removeEventListener("change", draw);
      resized.disconnect();
      plot?.destroy();
    };
  }, [series, mark, axes]);
  return <div class="chart" ref={place} role="img" aria-label={label} />;
}

/** One column of x for all series; each has gaps where it has no point. A band takes two more columns. */
function dataOf(series: readonly Series[]): uPlot.AlignedData {
  const tables = series.flatMap(({ points }): uPlot.AlignedData[] => {
    const x = points.map((one) => one.x);
    const y: uPlot.AlignedData = [x, points.map((one) => one.y)];
    return hasBand(points) ? [y, [x, points.map((one) => one.high!), points.map((one) => one.low!)]] : [y];
  });
  return uPlot.join(tables);
}

const hasBand = (points: Series["points"]) => points.some((one) => one.low !== undefined);

function options(series: readonly Series[], box: HTMLElement, mark: Given["mark"], axes: Axes): uPlot.Options {
  const style = getComputedStyle(box);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const font = `12px ${style.fontFamily}`;
  const lines: uPlot.Series[] = [];
  const bands: uPlot.Band[] = [];
  for (const { name, colour: at, dashed, points } of series) {
    const stroke = colour(`--c${at}`);
    const value = (_: uPlot, y: number | null) => (y === null ? "" : score(y));
    const joined = { spanGaps: true, stroke, value };
    lines.push({
      ...joined,
      label: name,
      width: 2,
      ...(dashed && { dash: [6, 4] }),
      points: { size: 7, fill: stroke },
    });
    if (!hasBand(points)) continue;
    const edge = { ...joined, width: 0, points: { show: false } };
    bands.push({ series: [lines.length + 1, lines.length + 2], fill: translucent(stroke) });
    lines.push({ ...edge, label: `${name} +` }, { ...edge, label: `${name} −` });
  }
  return {
    width: box.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { size: 9 } },
    scales: { x: { time: false }, y: { range: (_, low, high) => rangeOf(low, high) } },
    series: [{ label: axes.labelsAxis }, ...lines],
    bands,
    axes: [
      {
        ...axis,
        font,
        size: 28,
        label: axes.labelsAxis,
        labelFont: font,
        labelSize: 20,
        values: (_, all) => all.map(number),
      },
      { ...axis, font, label: axes.macroF1, labelFont: font, labelSize: 20, size: 44 },
    ],
    hooks: { draw: mark ? [(plot) => drawMark(plot, mark, colour("--dim"), font)] : [] },
  };
}

const translucent = (colour: string) => `color-mix(in srgb, ${colour} 16%, transparent)`;

function rangeOf(low: number, high: number): [number, number] {
  return [Math.max(0, Math.floor((low - 0.03) * 10) / 10), Math.min(1, Math.ceil((high + 0.02) * 10) / 10)];
}

function drawMark(plot: uPlot, mark: { x: number; text: string }, colour: string, font: string): void {
  const { ctx, bbox } = plot;
  const x = plot.valToPos(mark.x, "x", true);
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.font = font.replace("12px", `${12 * devicePixelRatio}px`);
  ctx.textAlign = "left";
  ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.fillText(mark.text, x + 5 * devicePixelRatio, bbox.top + bbox.height - 8 * devicePixelRatio);
  ctx.restore();
}
