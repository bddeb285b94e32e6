// Correcting boxes with pointer and keyboard. Pointer: drag a box or one of its handles, drag over the image for a new box. Keys are in KEYS.

import { element } from "./overlay.js";
import { set } from "./sync.js";

const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
const REACH = 9; // half the size of a handle for the pointer, in CSS pixels
const LEAST = 4; // CSS pixels that a pointer moves before it draws

export const KEYS = "Arrow keys move the selected box, with Alt its right and bottom edges, with Shift by 10 pixels. N draws a box, Delete removes it.";

export class Editor {
  /**
   * @param {import("./overlay.js").Overlay} overlay
   * @param {{changed: (text?: string) => void, pick: (id: number|null) => void, picked: () => number|null, newClass: () => {label: string, class_id: number}}} on
   *   changed is called after each change, with a text for screen readers when it is complete
   */
  constructor(overlay, on) {
    this.overlay = overlay;
    this.on = on;
    this.boxes = null; // while editing
    this.drag = null;
    this.knobs = element("g", { class: "handles", "aria-hidden": true });
    for (const name of HANDLES) {
      const knob = element("g", { class: `handle ${name}`, "data-handle": name });
      knob.append(element("rect", { class: "reach", x: -REACH, y: -REACH, width: 2 * REACH, height: 2 * REACH }), element("rect", { class: "knob", x: -4, y: -4, width: 8, height: 8, rx: 2 }));
      this.knobs.append(knob);
    }
    const { svg } = overlay;
    overlay.decorate = () => this.handles();
    svg.addEventListener("pointerdown", (e) => this.down(e));
    svg.addEventListener("pointermove", (e) => this.move(e));
    svg.addEventListener("pointerup", (e) => this.up(e));
    svg.addEventListener("pointercancel", () => this.cancel());
    svg.addEventListener("keydown", (e) => this.boxes && this.key(e), { capture: true });
  }

  /** use begins with boxes, or ends with null. */
  use(boxes) {
    this.cancel();
    this.boxes = boxes;
    this.overlay.svg.classList.toggle("editing", boxes !== null);
  }

  /** handles draws those of the selected box, above all else. The elements stay, because the pointer may be on one. */
  handles() {
    const { svg } = this.overlay;
    const box = this.boxes?.get(this.on.picked())?.box;
    if (!box) {
      this.knobs.remove();
      return;
    }
    const r = this.overlay.view(box);
    for (const knob of this.knobs.children) {
      const name = knob.dataset.handle;
      const x = r.x + (name.includes("w") ? 0 : name.includes("e") ? r.w : r.w / 2);
      const y = r.y + (name.includes("n") ? 0 : name.includes("s") ? r.h : r.h / 2);
      set(knob, "transform", `translate(${x} ${y})`);
    }
    if (svg.lastElementChild !== this.knobs) svg.append(this.knobs);
  }

  /** at returns the place of the pointer in pixels of the image. */
  at(event) {
    const r = this.overlay.svg.getBoundingClientRect();
    return { x: ((event.clientX - r.left) / r.width) * this.boxes.size.width, y: ((event.clientY - r.top) / r.height) * this.boxes.size.height };
  }

  down(event) {
    if (!this.boxes || event.button !== 0 || !event.isPrimary) return;
    const handle = event.target.closest("[data-handle]")?.dataset.handle ?? null;
    const over = event.target.closest("[data-id]");
    const id = handle ? this.on.picked() : over ? Number(over.dataset.id) : null;
    this.drag = { id, handle, from: this.at(event), x: event.clientX, y: event.clientY, box: id === null ? null : this.boxes.get(id).box, begun: false };
    this.overlay.svg.setPointerCapture(event.pointerId);
    event.stopPropagation(); // the image is not moved
    if (id !== null) this.on.pick(id);
    event.preventDefault();
    if (id !== null) this.overlay.box(id)?.focus({ preventScroll: true });
  }

  move(event) {
    const d = this.drag;
    if (!d || !event.isPrimary) return;
    if (!d.begun) {
      if (Math.hypot(event.clientX - d.x, event.clientY - d.y) < LEAST) return;
      d.begun = true;
      this.boxes.begin();
      if (d.id === null) {
        d.box = { x1: d.from.x, y1: d.from.y, x2: d.from.x, y2: d.from.y };
        d.handle = "se";
        d.id = this.boxes.add(d.box, this.on.newClass());
        this.on.pick(d.id);
      }
    }
    const to = this.at(event), dx = to.x - d.from.x, dy = to.y - d.from.y;
    this.boxes.set(d.id, { box: d.handle ? resized(d.box, d.handle, dx, dy) : this.boxes.moved(d.box, dx, dy) });
    this.on.changed();
  }

  up() {
    const d = this.drag;
    this.drag = null;
    if (!d) return;
    if (d.begun) this.on.changed("Box changed.");
    else if (d.id === null) this.on.pick(null);
  }

  /** cancel ends a drag as if it had not begun. */
  cancel() {
    if (this.drag?.begun) {
      this.boxes.undo();
      this.boxes.future = [];
      this.on.changed();
    }
    this.drag = null;
  }

  key(event) {
    const id = this.on.picked();
    const by = event.shiftKey ? 10 : 1;
    const [dx, dy] = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[event.key] ?? [0, 0];
    if (id === null || (!dx && !dy) || Number(event.target.dataset.id) !== id) return;
    event.preventDefault();
    event.stopPropagation();
    const { box } = this.boxes.get(id);
    this.boxes.begin();
    this.boxes.set(id, { box: event.altKey ? resized(box, "se", dx, dy) : this.boxes.moved(box, dx, dy) });
    this.on.changed(describe(this.boxes.get(id).box));
  }

  /** draw adds a box of a fifth of the image in its middle. */
  draw() {
    const { width: w, height: h } = this.boxes.size;
    this.boxes.begin();
    const id = this.boxes.add({ x1: 0.4 * w, y1: 0.4 * h, x2: 0.6 * w, y2: 0.6 * h }, this.on.newClass());
    this.on.pick(id);
    this.on.changed("New box in the middle of the image.");
    this.overlay.box(id)?.focus();
  }

  remove() {
    const id = this.on.picked();
    if (id === null || !this.boxes?.get(id)) return;
    this.boxes.begin();
    this.boxes.remove(id);
    this.on.pick(null);
    this.on.changed("Box deleted.");
    this.overlay.svg.querySelector('.box[tabindex="0"]')?.focus();
  }
}

function resized({ x1, y1, x2, y2 }, handle, dx, dy) {
  if (handle.includes("w")) x1 += dx;
  if (handle.includes("e")) x2 += dx;
  if (handle.includes("n")) y1 += dy;
  if (handle.includes("s")) y2 += dy;
  return { x1, y1, x2, y2 };
}

function describe({ x1, y1, x2, y2 }) {
  return `Left ${Math.round(x1)}, top ${Math.round(y1)}, ${Math.round(x2 - x1)} by ${Math.round(y2 - y1)} pixels.`;
}
