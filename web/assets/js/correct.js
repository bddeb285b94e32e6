// The controls for boxes corrected by hand.

import { Boxes } from "./boxes.js";
import { Editor, KEYS } from "./editor.js";

const $ = (id) => document.getElementById(id);

export class Correct {
  /**
   * @param {import("./overlay.js").Overlay} overlay
   * @param {{image: () => object, answer: () => object|null, classes: () => {id: number, label: string}[], found: () => object[], picked: () => number|null,
   *   pick: (id: number|null) => void, draw: () => void, announce: (text: string) => void}} page answer is the response that is shown over the
   *   image; without one there is nothing to correct
   */
  constructor(overlay, page) {
    this.page = page;
    this.on = false;
    this.editor = new Editor(overlay, {
      picked: page.picked, pick: page.pick, newClass: () => this.classOf($("class").value),
      changed: (text) => {
        page.draw();
        if (text) page.announce(text);
      },
    });
    this.actions = {
      "box-new": () => this.editor.draw(),
      "box-delete": () => this.editor.remove(),
      undo: () => this.step("undo"),
      redo: () => this.step("redo"),
      discard: () => this.discard(),
    };
    $("keys").textContent = KEYS;
    $("class").addEventListener("change", () => this.setClass());
  }

  get boxes() {
    return this.page.image()?.boxes ?? null;
  }

  toggle() {
    if (this.on) {
      this.leave();
      this.page.draw();
      return;
    }
    const image = this.page.image(), answer = this.page.answer();
    if (!image || !answer) return;
    image.boxes ??= new Boxes(this.page.found().map((d) => ({ ...d })), answer.image);
    this.on = true;
    $("labels").replaceChildren(...this.page.classes().map((c) => new Option(c.label)));
    $("class").value ||= this.page.classes()[0]?.label ?? "object";
    this.editor.use(image.boxes);
    this.page.draw();
    this.page.announce("Editing boxes. Select one with the arrow keys and Enter.");
  }

  /** leave ends editing and keeps the boxes, unless nothing was changed. */
  leave() {
    if (!this.on) return;
    const image = this.page.image();
    this.on = false;
    this.editor.use(null);
    if (image?.boxes && !image.boxes.changed) image.boxes = null;
    this.page.pick(null);
  }

  discard() {
    const image = this.page.image();
    this.on = false;
    this.editor.use(null);
    image.boxes = null;
    this.page.pick(null);
    this.page.draw();
    $("edit").focus();
    this.page.announce("The boxes are those of the model again.");
  }

  /** show updates the controls. */
  show(done) {
    const { boxes } = this;
    $("editing").hidden = !(done && (this.on || boxes));
    $("edit").setAttribute("aria-pressed", this.on);
    $("undo").disabled = !boxes?.past.length;
    $("redo").disabled = !boxes?.future.length;
    for (const control of [$("class"), $("box-delete"), ...document.querySelectorAll("[data-do=box-new]")]) control.disabled = !this.on;
    if (document.activeElement.matches(":disabled")) $("edit").focus();
  }

  /** marked shows the class of the selected box. */
  marked() {
    const box = this.on ? this.boxes?.get(this.page.picked()) : null;
    $("box-delete").disabled = !box;
    if (box && document.activeElement !== $("class")) $("class").value = box.label;
  }

  setClass() {
    const id = this.page.picked(), label = $("class").value.trim();
    if (!label) return;
    if (id === null || !this.boxes?.get(id)) return;
    this.boxes.begin();
    this.boxes.set(id, this.classOf(label));
    this.page.draw();
    this.page.announce(`Class ${label}.`);
  }

  /** classOf returns the class of a name, a new one with an id after those of the model and of the image. */
  classOf(text) {
    const label = text.trim() || "object";
    const known = this.page.classes().find((c) => c.label === label)?.id ?? this.boxes.list.find((d) => d.label === label)?.class_id;
    const last = Math.max(0, ...this.page.classes().map((c) => c.id), ...this.boxes.list.map((d) => d.class_id));
    return { label, class_id: known ?? last + 1 };
  }

  /** labels returns the classes of the model, then those that were added by hand. Without a list of models, the order is still that of the model. */
  labels(images) {
    const found = images.flatMap((m) => m.boxes).sort((a, b) => a.class_id - b.class_id);
    return [...new Set([...this.page.classes(), ...found].map((c) => c.label))];
  }

  step(direction) {
    if (!this.boxes?.[direction]()) return;
    if (this.page.picked() !== null && !this.boxes.get(this.page.picked())) this.page.pick(null);
    this.page.draw();
    this.page.announce(direction === "undo" ? "Undone." : "Redone.");
  }

  /** key returns whether a key was one of editing. */
  key(event) {
    const command = event.ctrlKey || event.metaKey;
    if (event.key.toLowerCase() === "e" && !command && this.page.image() && this.page.answer()) this.toggle();
    else if (!this.on) return false;
    else if (command && event.key.toLowerCase() === "z") this.step(event.shiftKey ? "redo" : "undo");
    else if (command && event.key.toLowerCase() === "y") this.step("redo");
    else if (command) return false;
    else if (event.key === "Delete" || event.key === "Backspace") this.editor.remove();
    else if (event.key.toLowerCase() === "n") this.editor.draw();
    else if (event.key.toLowerCase() === "c") $("class").focus();
    else return false;
    event.preventDefault();
    return true;
  }
}
