// Downloads: the shown detections as JSON, and drawn into the image.

import { INK, color } from "./palette.js";
import { place } from "./labels.js";
import { labelText } from "./overlay.js";
import { toBlob } from "./image.js";

/** json returns the response of the server with only the shown detections, as a file. */
export function json(answer, shown, threshold) {
  const { timing_ms, ...rest } = answer;
  const { round_trip, ...timing } = timing_ms;
  const detections = shown.map(({ id, ...d }) => d);
  return new Blob([`${JSON.stringify({ ...rest, threshold, detections, timing_ms: timing }, null, 2)}\n`], { type: "application/json" });
}

/** annotated draws the shown detections into the image, at full resolution. */
export async function annotated(img, answer, shown, type) {
  const canvas = document.createElement("canvas");
  const { width: w, height: h } = answer.image;
  canvas.width = w;
  canvas.height = h;
  const context = canvas.getContext("2d");
  context.drawImage(img, 0, 0, w, h);
  const unit = Math.max(1, Math.max(w, h) / 1000); // lines and text grow with the image
  const size = 13 * unit, pad = 5 * unit, height = Math.round(19 * unit);
  context.font = `600 ${size}px ${getComputedStyle(document.body).fontFamily}`;
  const boxes = shown.map(({ box }) => ({ x: box.x1, y: box.y1, w: box.x2 - box.x1, h: box.y2 - box.y1 }));
  const sizes = shown.map((d) => ({ w: context.measureText(labelText(d)).width + 2 * pad, h: height }));
  for (const [style, width] of [["rgb(0 0 0 / .5)", 4 * unit], [null, 2 * unit]]) {
    shown.forEach((d, i) => {
      context.strokeStyle = style ?? color(d.class_id);
      context.lineWidth = width;
      context.strokeRect(boxes[i].x, boxes[i].y, boxes[i].w, boxes[i].h);
    });
  }
  place(boxes, sizes, { w, h }).forEach((at, i) => {
    if (!at) return;
    context.fillStyle = color(shown[i].class_id);
    context.fillRect(at.x, at.y, sizes[i].w, height);
    context.fillStyle = INK;
    context.fillText(labelText(shown[i]), at.x + pad, at.y + height * 0.73);
  });
  return toBlob(canvas, type, 0.92);
}

/** offer downloads a blob as a file. */
export function offer(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
