// The detections that are shown over the image and in the panel, and which of them is highlighted.

import { Overlay } from "./overlay.js";
import { Table, panel, summary } from "./results.js";

const $ = (id) => document.getElementById(id);

export class Detections {
  /**
   * @param {object} state of the page
   * @param {import("./threshold.js").Threshold} threshold
   * @param {{editing: () => boolean, marked: () => void, redraw: () => void, announce: (text: string) => void}} page
   */
  constructor(state, threshold, page) {
    Object.assign(this, { state, threshold, page });
    const pick = (id) => this.pick(id);
    this.overlay = new Overlay($("overlay"), { point: (id) => (this.mark({ pointed: id }), this.reveal(id)), pick });
    this.table = new Table($("table"), { point: (id) => this.mark({ pointed: id }), pick });
  }

  /** filtered returns the detections at the threshold whose class is switched on, in descending score order. */
  filtered(found) {
    return found.filter((d) => this.threshold.keeps(d) && !this.state.hidden.has(d.class_id)).sort((a, b) => b.score - a.score);
  }

  /** shown returns the boxes that are shown: those corrected by hand, or else detections. */
  shown(image = this.state.image, answer = this.state.answer) {
    return image?.boxes?.list ?? this.filtered(answer?.detections ?? []);
  }

  /** draw draws the shown boxes over the image, and describes them in the panel. */
  draw() {
    const visible = this.shown(), { answer, image, hidden } = this.state;
    this.overlay.show(answer ? visible : [], answer?.image ?? { width: 1, height: 1 });
    this.table.show(answer ? visible : []);
    if (!answer) return;
    panel(answer, visible, { hidden, low: $("threshold").min / 100, classes: this.classes(), toggle: (id) => this.toggle(id) });
    $("image").alt = `${image?.name ?? "Camera"}: ${summary(visible)}`;
  }

  /** classes returns the classes with detections at the threshold, and those switched off. */
  classes() {
    const classes = new Map();
    for (const d of this.state.answer?.detections ?? []) {
      const c = classes.get(d.class_id) ?? { label: d.label, shown: 0 };
      if (this.threshold.keeps(d)) c.shown++;
      classes.set(d.class_id, c);
    }
    return new Map([...classes].filter(([id, c]) => c.shown > 0 || this.state.hidden.has(id)).sort(([a], [b]) => a - b));
  }

  /** toggle switches a class on or off. */
  toggle(id) {
    if (!this.state.hidden.delete(id)) this.state.hidden.add(id);
    this.page.redraw();
    this.page.announce(`${summary(this.shown())}.`);
  }

  /** mark highlights the detection under the pointer, or else the clicked one, in image and table. */
  mark(change) {
    const { state } = this;
    Object.assign(state, change);
    const id = this.page.editing() ? state.picked : (state.pointed ?? state.picked);
    this.overlay.mark(id, state.picked);
    this.table.mark(id, state.picked);
    this.page.marked();
  }

  pick(id) {
    this.mark({ picked: id === this.state.picked && !this.page.editing() ? null : id });
    this.reveal(id);
  }

  /** reveal scrolls the table, not the page, to a row. */
  reveal(id) {
    const { scrollHeight, clientHeight } = $("table").parentElement;
    if (id !== null && scrollHeight > clientHeight) this.table.row(id)?.scrollIntoView({ block: "nearest" });
  }
}
