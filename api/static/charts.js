// Curves, drawn by hand.

import { number, score, svg } from "./dom.js";

const WIDTH = 720, HEIGHT = 300, LEFT = 46, RIGHT = 14, TOP = 14, BOTTOM = 38;

/** `series`: {name, kind: "line" | "dashed", points: [{x, y, low?, high?}], colour: 0…}. */
export function curve(series, { label, xTitle = "labels", marks = [] }) {
  const points = series.flatMap((one) => one.points);
  const xs = points.map((p) => p.x), ys = points.flatMap((p) => [p.y, p.low ?? p.y, p.high ?? p.y]);
  const [x0, x1] = [Math.min(0, ...xs), Math.max(...xs)];
  const [y0, y1] = [Math.max(0, Math.floor((Math.min(...ys) - 0.03) * 10) / 10), Math.min(1, Math.ceil((Math.max(...ys) + 0.02) * 10) / 10)];
  const x = (value) => LEFT + ((value - x0) / (x1 - x0 || 1)) * (WIDTH - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - ((value - y0) / (y1 - y0 || 1)) * (HEIGHT - TOP - BOTTOM);
  const chart = svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  for (const tick of ticks(y0, y1, 5)) {
    chart.append(svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick) }),
      svg("text", { class: "tick", x: LEFT - 8, y: y(tick) + 4, "text-anchor": "end", text: tick.toFixed(y1 - y0 > 0.5 ? 1 : 2) }));
  }
  for (const tick of ticks(x0, x1, 6)) {
    chart.append(svg("text", { class: "tick", x: x(tick), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle", text: number(tick) }));
  }
  chart.append(svg("text", { class: "tick", x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 4, "text-anchor": "middle", text: xTitle }));
  for (const mark of marks) {
    chart.append(svg("line", { class: "mark", x1: x(mark.x), x2: x(mark.x), y1: TOP, y2: HEIGHT - BOTTOM }),
      svg("text", { class: "tick", x: x(mark.x) + 5, y: HEIGHT - BOTTOM - 8, text: mark.text }));
  }
  for (const one of series) draw(chart, one, x, y);
  return chart;
}

function draw(chart, { name, kind, points, colour = 0 }, x, y) {
  const banded = points.filter((p) => p.low !== undefined);
  if (banded.length > 1) {
    const around = [...banded.map((p) => `${x(p.x)},${y(p.high)}`), ...banded.toReversed().map((p) => `${x(p.x)},${y(p.low)}`)];
    chart.append(svg("polygon", { class: `band c${colour}`, points: around.join(" ") }));
  }
  chart.append(svg("polyline", { class: `line ${kind} c${colour}`, points: points.map((p) => `${x(p.x)},${y(p.y)}`).join(" ") }));
  for (const p of points) {
    const range = p.low === undefined ? "" : ` (${score(p.low)} to ${score(p.high)})`;
    chart.append(svg("circle", { class: `dot ${kind} c${colour}`, cx: x(p.x), cy: y(p.y), r: 3.5 }, svg("title", { text: `${name}: ${number(p.x)} labels, F1 ${score(p.y)}${range}` })));
  }
}

function ticks(low, high, about) {
  const rough = (high - low) / about || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const all = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + 1e-9; at += step) all.push(Math.round(at * 1e6) / 1e6 || 0);
  return all;
}
