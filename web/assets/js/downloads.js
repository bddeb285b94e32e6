// What the page saves: the image with boxes, the response, and label files.

import { Problem } from "./api.js";
import { count } from "./format.js";
import { sent } from "./gallery.js";
import { labelFile, stem } from "./labelfiles.js";
import { annotated, json, offer } from "./save.js";

export class Downloads {
  /**
   * @param {{image: HTMLImageElement, format: HTMLSelectElement, button: HTMLButtonElement}} elements button saves the labels
   * @param {{state: object, gallery: () => import("./gallery.js").Gallery, shown: (image?: object, answer?: object) => object[], threshold: () => number|string,
   *   labels: (images: object[]) => string[], fail: (error: Problem, retry: () => void) => void, announce: (text: string) => void}} page
   */
  constructor(elements, page) {
    Object.assign(this, elements, { page });
    this.actions = { "save-image": () => this.saveImage(), "save-json": () => this.saveJSON(), "save-labels": () => this.saveLabels() };
  }

  get name() {
    return stem(this.page.state.image.name).replaceAll(" ", "-");
  }

  /** labelled returns the images whose boxes are saved, and how many are left out because theirs are not known, or not yet. */
  labelled() {
    const gallery = this.page.gallery();
    const known = gallery.images.filter((m) => gallery.labelled(m));
    return { known, left: gallery.images.length - known.length };
  }

  /** show says on the button how many images it saves, and of how many, if some are left out. */
  show() {
    const { known, left } = this.labelled();
    const all = known.length + left;
    this.button.textContent = all < 2 ? "Save labels" : `Save labels of ${known.length}${left > 0 ? ` of ${all}` : ""}`;
    this.button.title = left > 0 ? `${count(left, "image")} left out: no response for ${left === 1 ? "it" : "them"} with these settings` : "";
  }

  saveJSON() {
    const { answer, image } = this.page.state;
    const shown = this.page.shown();
    offer(json(answer, shown, this.page.threshold()), `${this.name}.json`);
    if (image.boxes) image.boxes.saved = shown;
  }

  async saveImage() {
    const { image, answer } = this.page.state;
    const type = image.blob.type === "image/png" ? "image/png" : "image/jpeg";
    try {
      offer(await annotated(this.image, answer, this.page.shown(), type), `${this.name}-boxes.${type.slice(6).replace("jpeg", "jpg")}`);
    } catch (error) {
      this.page.fail(new Problem("The image could not be drawn", "It may be too large for this browser.", { detail: error.message }), () => this.saveImage());
    }
  }

  /** saveLabels saves the boxes of all images that have them. */
  async saveLabels() {
    const { known, left } = this.labelled();
    const images = known.map((m) => ({ ...sent(m), converted: m.jpeg !== null, ...m.answer.image, boxes: this.page.shown(m, m.answer) }));
    try {
      const { blob, name } = await labelFile(this.format.value, images, this.page.labels(images));
      offer(blob, name);
      for (const [i, m] of known.entries()) if (m.boxes) m.boxes.saved = images[i].boxes;
      this.page.announce(`Labels of ${count(images.length, "image")} saved${left > 0 ? `, ${left} left out` : ""}.`);
    } catch (error) {
      this.page.fail(new Problem("The labels could not be saved", "The images may be too large for this browser.", { detail: error.message }), () => this.saveLabels());
    }
  }
}
