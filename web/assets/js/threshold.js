// The lowest score of what is shown: one for all classes, with the slider, or the model's own for each class.

import { list, percent } from "./format.js";

const LISTED = 6; // classes whose thresholds are written out

export class Threshold {
  /**
   * @param {{slider: HTMLInputElement, value: HTMLOutputElement, part: HTMLElement, best: HTMLInputElement, classes: HTMLElement}} elements
   * @param {() => void} changed is called after each change by the user
   */
  constructor(elements, changed) {
    Object.assign(this, elements);
    this.byClass = new Map(); // the model's, by class id
    this.slider.addEventListener("input", () => (this.set(false), changed()));
    this.best.addEventListener("change", () => (this.set(this.best.checked), changed()));
  }

  /** use takes the thresholds of a model. A model without any has only the slider. */
  use(model) {
    const classes = model?.classes?.filter((c) => c.threshold !== undefined) ?? [];
    this.byClass = new Map(classes.map((c) => [c.id, c.threshold]));
    this.part.hidden = classes.length === 0;
    this.classes.textContent = classes.length <= LISTED ? list(classes.map((c) => `${c.label} ${percent(c.threshold)}`)) : "";
    this.set(this.best.checked && classes.length > 0);
  }

  set(best) {
    this.best.checked = best;
    const text = best ? "by class" : percent(this.slider.value / 100);
    this.value.textContent = text;
    this.slider.setAttribute("aria-valuetext", text);
    this.slider.classList.toggle("unused", best);
  }

  keeps({ class_id, score }) {
    const one = this.slider.value / 100;
    return score >= (this.best.checked ? (this.byClass.get(class_id) ?? one) : one);
  }

  /** lowest returns the score from which on detections are needed, so that no change needs another request. */
  get lowest() {
    return Math.min(this.slider.min / 100, ...this.byClass.values());
  }

  /** parameter returns the threshold as the API takes it. */
  get parameter() {
    return this.best.checked ? "best" : this.slider.value / 100;
  }
}
