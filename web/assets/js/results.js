// The panel next to the image: count, classes, table and timing.

import { color } from "./palette.js";
import { set, sync } from "./sync.js";
import { count, duration, list, percent } from "./format.js";

const $ = (id) => document.getElementById(id);

const STEPS = ["queue", "decode", "preprocess", "inference", "postprocess"];

/** summary describes the shown detections in one sentence. */
export function summary(shown) {
  if (shown.length === 0) return "Nothing found";
  const classes = [...Map.groupBy(shown, (d) => d.label)].map(([label, of]) => `${of.length} ${label}`);
  return `${count(shown.length, "object")} found: ${list(classes)}`;
}

/**
 * panel shows what was found and how long it took.
 * @param {object} answer response of the server
 * @param {object[]} visible
 * @param {{hidden: Set<number>, low: number, classes: Map<number, {label: string, shown: number}>, toggle: (id: number) => void}} options
 */
export function panel(answer, visible, { hidden, low, classes, toggle }) {
  ticks($("scores"), answer.detections, hidden, low);
  chips($("classes"), classes, hidden, toggle);
  $("classes-part").hidden = classes.size === 0;
  $("count").textContent = visible.length === 0 ? "Nothing found" : count(visible.length, "object");
  $("total").textContent = duration(answer.timing_ms.round_trip);
  times($("time-bar"), $("times"), answer.timing_ms);
  $("by").textContent = `Model ${answer.model.name}, version ${answer.model.version}`;
  $("none").hidden = visible.length > 0;
  $("none").textContent = answer.detections.length
    ? `${count(answer.detections.length, "box", "boxes")} with a lower confidence or of a class that is switched off.`
    : "No object of the model's classes was detected.";
}

/** ticks draws the score of each detection above the slider, to show what moving the slider changes. */
function ticks(svg, found, hidden, low) {
  const key = [low, ...hidden, "", ...found.map((d) => d.score)].join();
  if (svg.dataset.key === key) return; // another threshold changes nothing
  svg.dataset.key = key;
  svg.replaceChildren(
    ...found.filter((d) => d.score >= low).map((d) => {
      const tick = document.createElementNS(svg.namespaceURI, "line");
      const x = `${((d.score - low) / (1 - low)) * 100}%`;
      for (const [k, v] of Object.entries({ x1: x, x2: x, y1: 0, y2: "100%" })) tick.setAttribute(k, v);
      tick.style.setProperty("--class", color(d.class_id));
      tick.classList.toggle("off", hidden.has(d.class_id));
      return tick;
    }),
  );
}

/**
 * chips shows a switch for every detected class. The chip of a class stays the same element while the class is there, so that neither focus nor a click is
 * lost when others come and go.
 * @param {HTMLElement} parent
 * @param {Map<number, {label: string, shown: number}>} classes by id
 * @param {Set<number>} hidden
 */
function chips(parent, classes, hidden, toggle) {
  const known = new Map([...parent.children].map((chip) => [chip.dataset.classId + chip.title, chip]));
  sync(parent, [...classes].map(([id, { label }]) => known.get(id + label) ?? newChip(id, label, toggle)));
  for (const chip of parent.children) {
    const { shown } = classes.get(Number(chip.dataset.classId));
    chip.setAttribute("aria-pressed", !hidden.has(Number(chip.dataset.classId)));
    chip.querySelector(".number").textContent = shown;
  }
}

function newChip(id, label, toggle) {
  const chip = make("button", { type: "button", className: "chip", title: label }, swatch(id), make("span", { className: "name" }, label), " ", make("span", { className: "number" }));
  chip.dataset.classId = id;
  chip.addEventListener("click", () => toggle(id));
  return chip;
}

/** Table lists the shown detections. The row with pointer or focus highlights its box. */
export class Table {
  /** @param {HTMLTableElement} table */
  constructor(table, on) {
    this.table = table;
    this.body = table.tBodies[0];
    this.rows = new Map(); // by detection
    this.body.addEventListener("pointerover", (e) => on.point(idOf(e.target)));
    this.body.addEventListener("pointerleave", () => on.point(null));
    this.body.addEventListener("focusin", (e) => on.point(idOf(e.target)));
    this.body.addEventListener("focusout", () => on.point(null));
    this.body.addEventListener("click", (e) => on.pick(idOf(e.target)));
    this.body.addEventListener("keydown", (e) => this.key(e));
  }

  show(shown) {
    const focused = idOf(document.activeElement);
    const rows = shown.map((d) => this.rows.get(d) ?? row(d));
    this.rows = new Map(shown.map((d, i) => [d, rows[i]]));
    sync(this.body, rows);
    for (const b of this.body.querySelectorAll('button[tabindex="0"]')) b.tabIndex = -1;
    const buttons = [...this.body.querySelectorAll("button")];
    const first = buttons.find((b) => idOf(b) === focused) ?? buttons[0];
    if (first) first.tabIndex = 0;
    if (focused !== null) first?.focus();
    this.table.hidden = shown.length === 0;
  }

  mark(id, picked) {
    for (const r of this.body.rows) {
      r.classList.toggle("marked", Number(r.dataset.id) === id);
      set(r.querySelector("button"), "aria-pressed", Number(r.dataset.id) === picked);
    }
  }

  row(id) {
    return this.body.querySelector(`tr[data-id="${id}"]`);
  }

  key(event) {
    const rows = [...this.body.rows];
    const at = rows.indexOf(event.target.closest("tr"));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = rows[Math.max(0, Math.min(to, rows.length - 1))].querySelector("button");
    for (const b of this.body.querySelectorAll("button")) b.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}

function row(d) {
  const { x1, y1, x2, y2 } = d.box;
  const button = make("button", { type: "button", tabIndex: -1, title: d.label }, swatch(d.class_id), make("span", {}, d.label));
  const meter = make("span", { className: "meter" });
  meter.style.setProperty("--score", d.score ?? 0);
  meter.style.setProperty("--class", color(d.class_id));
  const tr = make(
    "tr",
    {},
    make("td", {}, button),
    make("td", { className: "score" }, ...(d.score === null ? ["by hand"] : [meter, percent(d.score)])),
    make("td", {}, `${Math.round(x1)}, ${Math.round(y1)}`),
    make("td", {}, `${Math.round(x2 - x1)} × ${Math.round(y2 - y1)}`),
  );
  tr.dataset.id = d.id;
  return tr;
}

/** times shows the time per phase, as a bar and a list. */
function times(bar, dl, timing) {
  const steps = STEPS.map((name) => [name, timing[name] ?? 0]);
  const inServer = steps.reduce((sum, [, ms]) => sum + ms, 0);
  steps.push(["transfer", Math.max(0, timing.round_trip - inServer)]);
  const all = steps.reduce((sum, [, ms]) => sum + ms, 0) || 1;
  let at = 0;
  bar.replaceChildren(
    ...steps.map(([name, ms]) => {
      const part = document.createElementNS(bar.namespaceURI, "rect");
      const width = (ms / all) * 100;
      for (const [k, v] of Object.entries({ class: name, x: `${at}%`, width: `${width}%`, y: 0, height: "100%" })) part.setAttribute(k, v);
      at += width;
      return part;
    }),
  );
  dl.replaceChildren(
    ...steps.map(([name, ms]) => make("div", { className: name }, make("dt", {}, name[0].toUpperCase() + name.slice(1)), make("dd", {}, duration(ms)))),
  );
}

function swatch(classID) {
  const s = make("span", { className: "swatch" });
  s.style.setProperty("--class", color(classID));
  return s;
}

function idOf(target) {
  const id = target?.closest?.("tr[data-id]")?.dataset.id;
  return id === undefined ? null : Number(id);
}

function make(name, properties, ...children) {
  const e = Object.assign(document.createElement(name), properties);
  e.append(...children);
  return e;
}
