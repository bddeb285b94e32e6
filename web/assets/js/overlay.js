// Boxes over the image, as SVG: sharp on every screen, and each box is an element that can have pointer and focus.

import { INK, color } from "./palette.js";
import { place, preferred } from "./labels.js";
import { percent } from "./format.js";
import { set, setAll, sync } from "./sync.js";

// Label sizes for large and small images: font size, horizontal padding, height and baseline, in pixels.
const LARGE = { font: 12.5, pad: 5, height: 19, base: 14 };
const SMALL = { font: 10.5, pad: 3, height: 15, base: 11.5 };

export class Overlay {
  /**
   * @param {SVGSVGElement} svg lies over the image and has its size
   * @param {{point: (id: number|null) => void, pick: (id: number) => void}} on
   */
  constructor(svg, on) {
    this.svg = svg;
    this.found = [];
    this.parts = new Map(); // {key, group, label} by id, kept while a box is there
    this.frame = { width: 1, height: 1 };
    this.measure = measurer(svg);
    this.decorate = () => {}; // draws more after each drawing
    this.size = { w: 0, h: 0 }; // in CSS pixels, kept because reading it from the element forces a layout
    new ResizeObserver(([{ contentRect: { width, height } }]) => {
      this.size = { w: Math.round(width), h: Math.round(height) };
      this.draw();
    }).observe(svg);
    svg.addEventListener("pointerover", (e) => on.point(idOf(e.target)));
    svg.addEventListener("pointerleave", () => on.point(null));
    svg.addEventListener("focusin", (e) => on.point(idOf(e.target)));
    svg.addEventListener("focusout", () => on.point(null));
    svg.addEventListener("click", (e) => svg.classList.contains("editing") || on.pick(idOf(e.target))); // the editor selects itself
    svg.addEventListener("keydown", (e) => this.key(e, on));
  }

  /**
   * show draws detections. Each has a number `id`, which the callbacks receive.
   * @param {object[]} found
   * @param {{width: number, height: number}} frame size of the image in pixels, the unit of boxes
   */
  show(found, frame) {
    this.found = found;
    this.frame = frame;
    this.draw();
  }

  draw() {
    const { w, h } = this.size;
    if (!w || !h) return;
    const focused = this.svg.contains(document.activeElement) ? idOf(document.activeElement) : null;
    this.svg.setAttribute("viewBox", `0 0 ${w} ${h}`);
    const boxes = this.found.map((d) => this.view(d.box));
    const texts = this.found.map(labelText);
    const { font, pad, height, base } = w < 560 ? SMALL : LARGE;
    const sizes = texts.map((t) => ({ w: Math.ceil(this.measure(t) * font) + 2 * pad, h: height }));
    const spots = place(boxes, sizes, { w, h });
    // Small boxes are above large ones, so that the pointer reaches each. Labels are above all boxes.
    const order = boxes.map((_, i) => i).sort((a, b) => boxes[b].w * boxes[b].h - boxes[a].w * boxes[a].h);
    const parts = this.found.map((d, i) => this.part(d, boxes[i], texts[i], sizes[i].w, { font, pad, height, base }));
    this.parts = new Map(parts.map((p, i) => [this.found[i].id, p]));
    parts.forEach(({ label }, i) => {
      const at = spots[i] ?? preferred(boxes[i], sizes[i], { w, h });
      set(label, "transform", `translate(${at.x} ${at.y})`);
      label.classList.toggle("crowded", !spots[i]);
    });
    const labels = parts.map((p) => p.label).sort((a, b) => a.classList.contains("marked") - b.classList.contains("marked"));
    sync(this.svg, [...order.map((i) => parts[i].group), ...labels]);
    for (const box of this.svg.querySelectorAll('.box[tabindex="0"]')) box.setAttribute("tabindex", -1);
    this.svg.querySelector(".box")?.setAttribute("tabindex", 0);
    this.mark(this.marked, this.picked);
    if (focused !== null) (this.box(focused) ?? this.svg.querySelector(".box"))?.focus();
  }

  /**
   * part returns the elements of a box. They stay the same at every drawing and only change: a press on an element that is replaced
   * before the release is not a click.
   */
  part(d, r, text, width, { font, pad, height, base }) {
    const key = [r.x, r.y, r.w, r.h, d.class_id, text, font].join();
    const part = this.parts.get(d.id) ?? blank(d.id);
    if (part.key === key) return part;
    part.key = key;
    setAll(part.group, { "aria-label": spoken(d) });
    const shape = { x: r.x, y: r.y, width: r.w, height: r.h };
    for (const rect of part.group.children) setAll(rect, shape);
    setAll(part.group.lastElementChild, { stroke: color(d.class_id) });
    const [plate, words] = part.label.children;
    setAll(plate, { width, height, fill: color(d.class_id) });
    setAll(words, { x: pad, y: base, "font-size": font });
    words.textContent = text;
    return part;
  }

  /** mark highlights one detection and dims the others; null highlights none. */
  mark(id, picked) {
    this.marked = id;
    this.picked = picked;
    const known = this.found.some((d) => d.id === id);
    this.svg.classList.toggle("has-mark", known);
    for (const e of this.svg.querySelectorAll("[data-id]")) {
      e.classList.toggle("marked", known && Number(e.dataset.id) === id);
      if (e.classList.contains("box")) set(e, "aria-pressed", Number(e.dataset.id) === picked);
    }
    const label = this.svg.querySelector(".label.marked");
    if (label && label !== [...this.svg.children].findLast((e) => e.classList.contains("label"))) this.svg.append(label);
    this.decorate();
  }

  /** view returns where a box is in the SVG, in its pixels. */
  view(box) {
    return inView(box, this.size.w / this.frame.width, this.size.h / this.frame.height);
  }

  box(id) {
    return this.svg.querySelector(`.box[data-id="${id}"]`);
  }

  key(event, on) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const id = idOf(event.target);
    if (id === null) return;
    if (event.key === "Enter" || event.key === " ") {
      on.pick(id);
    } else if (step) {
      const at = this.found.findIndex((d) => d.id === id);
      const next = this.found[(at + step + this.found.length) % this.found.length];
      this.svg.querySelectorAll('.box[tabindex="0"]').forEach((e) => e.setAttribute("tabindex", -1));
      this.box(next.id).setAttribute("tabindex", 0);
      this.box(next.id).focus();
    } else {
      return;
    }
    event.preventDefault();
  }
}

/** labelText returns the text of a label. Long class names are cut. */
export function labelText(d) {
  const name = d.label.length <= 24 ? d.label : `${d.label.slice(0, 23)}…`;
  return d.score === null ? name : `${name} ${percent(d.score)}`;
}

/** spoken describes a box for screen readers. */
function spoken(d) {
  return `${d.label}, ${d.score === null ? "drawn by hand" : percent(d.score)}`;
}

/** blank makes the elements of a box: halo and line in one group, plate and words in the label. */
function blank(id) {
  const group = element("g", { class: "box", "data-id": id, role: "button", tabindex: -1 });
  group.append(element("rect", { class: "halo", rx: 2 }), element("rect", { class: "line", rx: 2 }));
  const label = element("g", { class: "label", "data-id": id, "aria-hidden": true });
  label.append(element("rect", { rx: 3 }), element("text", { fill: INK }));
  return { group, label };
}

function inView(box, sx, sy) {
  const x = Math.round(box.x1 * sx), y = Math.round(box.y1 * sy);
  return { x, y, w: Math.max(1, Math.round(box.x2 * sx) - x), h: Math.max(1, Math.round(box.y2 * sy) - y) };
}

function idOf(target) {
  const id = target?.closest?.("svg [data-id]")?.dataset.id;
  return id === undefined ? null : Number(id);
}

/** element makes an element of SVG. */
export function element(name, attributes) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  return e;
}

/** measurer returns the width of a text in the label's font, for a font size of 1. */
function measurer(svg) {
  const context = document.createElement("canvas").getContext("2d");
  context.font = `600 100px ${getComputedStyle(svg).fontFamily}`;
  const known = new Map();
  return (text) => {
    if (!known.has(text)) known.set(text, context.measureText(text).width / 100);
    return known.get(text);
  };
}
