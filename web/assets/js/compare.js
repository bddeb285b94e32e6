// A second model on the same image, in a pane of its own.

import { detect } from "./api.js";
import { count } from "./format.js";
import { sent } from "./gallery.js";
import { Overlay } from "./overlay.js";
import { summary } from "./results.js";

const $ = (id) => document.getElementById(id);

export class Compare {
  /** @param {{options: () => object, visible: (found: object[]) => object[], models: () => object[]}} page */
  constructor(page) {
    this.page = page;
    this.select = $("compare");
    this.pointed = null;
    this.overlay = new Overlay($("other-overlay"), {
      point: (id) => this.overlay.mark((this.pointed = id), null),
      pick: (id) => this.overlay.mark(id, id),
    });
  }

  get model() {
    return this.select.value;
  }

  /** offer lists the models other than that in use. */
  offer(model) {
    const others = this.page.models().filter((m) => m.name !== model?.name).map((m) => m.name);
    const kept = others.includes(this.model) ? this.model : "";
    this.select.replaceChildren(new Option("no other model", ""), ...others.map((n) => new Option(n, n, false, n === kept)));
    $("compare-part").hidden = others.length === 0;
  }

  /** look requests the detections of the second model, if one is chosen. */
  async look(image, signal) {
    const options = { ...this.page.options(), model: this.model };
    const asked = JSON.stringify(options);
    if (!this.model || image.other?.asked === asked) return this.refresh(image);
    const answer = await detect(sent(image).blob, { ...options, signal });
    answer.detections.forEach((d, i) => (d.id = i));
    image.other = { asked, answer };
    this.refresh(image);
  }

  refresh(image) {
    this.show(image, image.answer, this.visible ?? []);
  }

  /** show draws both panes' captions and the second one's boxes. */
  show(image, answer, visible) {
    this.visible = visible;
    const other = this.model && image && answer ? (image.other?.answer ?? null) : null;
    const on = Boolean(this.model && image && answer);
    $("panes").classList.toggle("two", on);
    $("other-port").hidden = $("pane").hidden = !on;
    if (!on) return;
    if ($("other-image").src !== $("image").src) $("other-image").src = $("image").src;
    const found = other && other.model.name === this.model ? this.page.visible(other.detections) : [];
    $("pane").textContent = `${answer.model.name}: ${count(visible.length, "object")}`;
    $("other-pane").textContent = other ? `${this.model}: ${count(found.length, "object")}` : this.model;
    $("other-image").alt = `${image.name}, ${this.model}: ${summary(found)}`;
    this.overlay.show(found, answer.image);
  }
}
