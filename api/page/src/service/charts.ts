// Charts as files: drawn by the service as SVG, in light colours, with nothing outside the file.

import { ask, save } from "./service";
import type { Job } from "./types";

const SVG = "image/svg+xml";
const SHARP = 2; // pixels of a PNG for each of the drawing's

export async function saveChart(job: Job, format: "svg" | "png"): Promise<void> {
  const drawn = await (await ask("GET", `jobs/${job.id}/result`, { headers: { Accept: SVG } })).text();
  const svg = new Blob([drawn], { type: SVG });
  save(format === "svg" ? svg : await asPng(svg), `${job.kind}.${format}`);
}

async function asPng(svg: Blob): Promise<Blob> {
  const picture = new Image();
  picture.src = URL.createObjectURL(svg);
  try {
    await picture.decode();
    const canvas = document.createElement("canvas");
    canvas.width = picture.naturalWidth * SHARP;
    canvas.height = picture.naturalHeight * SHARP;
    const context = canvas.getContext("2d")!;
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const { promise, resolve } = Promise.withResolvers<Blob | null>();
    canvas.toBlob(resolve, "image/png");
    const png = await promise;
    if (!png) throw new Error("the browser makes no PNG of this size");
    return png;
  } finally {
    URL.revokeObjectURL(picture.src);
  }
}
