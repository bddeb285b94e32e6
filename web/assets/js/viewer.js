// The image that is shown, the strip of all that were opened, and the requests for their detections.

import { Problem, detect, isBusy, upright } from "./api.js";
import { bytes, duration } from "./format.js";
import { Gallery, sent } from "./gallery.js";
import { converted, jpeg, load } from "./image.js";
import { summary } from "./results.js";
import { announce, busy, enter, focusMain } from "./status.js";
import { Strip } from "./strip.js";

const SMALLER = 1600; // longer side of a smaller copy in pixels, more than the usual model input

const $ = (id) => document.getElementById(id);

export class Viewer {
  /**
   * @param {object} state of the page
   * @param {{leaveCamera: () => void, turned: (image: object|null) => void, models: () => Promise<void>, forget: () => void, draw: () => void,
   *   options: () => object, shown: (image?: object, answer?: object) => object[], compare: (image: object, signal: AbortSignal) => Promise<void>,
   *   fail: (error: Error, retry: () => void) => void, listed: () => void}} page turned is told the image that is about to be shown, or null;
   *   models loads the list of models, if it can; listed is called when the strip has changed
   */
  constructor(state, page) {
    Object.assign(this, { state, page });
    this.img = $("image");
    const settings = () => { // of a request, but for the key
      const { model, tile, threshold } = page.options();
      return [model, tile, threshold].join();
    };
    this.gallery = new Gallery((image, signal) => this.detect(image, signal), settings, () => this.drawStrip());
    this.strip = new Strip($("strip"), { open: (image) => this.open(image), close: (image) => this.close(image) });
  }

  /** take adds images to the strip, shows the first one and detects in all. */
  async take(files) {
    const [first] = this.gallery.add(files);
    await this.open(first);
  }

  /** turn leaves the image that is shown, and its request, for another image or for none (null). */
  turn(image) {
    this.state.request?.abort();
    this.gallery.pause();
    this.page.forget();
    this.state.image = image;
    this.page.turned(image);
  }

  /** open shows an image and its detections. */
  async open(image) {
    this.page.leaveCamera();
    this.turn(image);
    const loading = (image.loading = load(this.img, image.blob));
    enter("image");
    this.img.alt = image.name;
    this.drawStrip();
    const [decoded] = await Promise.all([loading, this.look(image)]);
    if (this.state.image !== image || image.loading !== loading) return;
    image.decoded = decoded || (this.state.answer !== null && (await this.loadUpright(image)));
    if (this.state.image !== image) return;
    if (decoded) this.setFrame(this.img.naturalWidth, this.img.naturalHeight);
    this.showCaption();
    this.page.draw();
  }

  /** close removes an image from the strip. */
  async close(image) {
    if (!mayClose(image)) return;
    const next = this.gallery.remove(image);
    announce(`${image.name} closed.`);
    const opened = image === this.state.image && next ? this.open(next) : this.drawStrip();
    if (!this.strip.focus(next)) focusMain();
    await opened;
  }

  /** loadUpright shows an image that this browser cannot decode, as decoded by the server. */
  async loadUpright(image) {
    try {
      const shown = await upright(image.blob, this.page.options());
      this.strip.repaint(image, shown);
      return this.state.image === image && (await load(this.img, shown));
    } catch {
      return false; // boxes are shown without the image
    }
  }

  /** look requests the detections of an image, if they are not known. It cancels an earlier request. */
  async look(image) {
    const { state, gallery, page } = this;
    state.request?.abort();
    gallery.pause();
    const request = (state.request = new AbortController());
    page.forget();
    $("name").textContent = `${image.name}, ${bytes(image.blob.size)}`;
    try {
      if (image.blob.size === 0) throw new Problem("The file is empty", "Choose another one.", { code: "empty" });
      if (!gallery.known(image)) {
        busy(true);
        await page.models(); // which may have failed before
        if (state.request !== request) return;
        const answer = await this.detect(image, request.signal);
        if (state.request !== request) return;
        gallery.keep(image, answer);
      }
      state.answer = image.answer;
      this.setFrame(image.answer.image.width, image.answer.image.height);
      this.showCaption();
      page.draw();
      announce(`${summary(page.shown())}, in ${duration(image.answer.timing_ms.round_trip)}.`);
      await page.compare(image, request.signal);
      if (state.request !== request) return;
      gallery.fill();
    } catch (error) {
      if (error.name === "AbortError" || state.request !== request) return;
      image.failed = !gallery.known(image) && !isBusy(error); // otherwise it was the comparison, or the server has no time
      this.drawStrip();
      image.decoded ||= await image.loading; // what can be done depends on it
      if (state.request !== request) return;
      page.fail(error, () => (this.retryAll(), this.again()));
      gallery.fill(error);
    } finally {
      if (state.request === request) busy(false);
    }
  }

  /** detect sends an image. If the server cannot read its format, but this browser can, it sends a JPEG. */
  async detect(image, signal) {
    const options = { ...this.page.options(), signal };
    try {
      return await detect(sent(image).blob, options);
    } catch (error) {
      if (error.code !== "unsupported_image" || image.jpeg) throw error;
      image.jpeg = await converted(image.blob);
      if (!image.jpeg) throw error;
      this.strip.repaint(image, image.jpeg);
      return await detect(image.jpeg, options);
    }
  }

  /** again requests the detections of the image that is shown, if any, after a change of the settings or an error. */
  again() {
    const { image } = this.state;
    if (image?.decoded) this.look(image);
    else if (image) this.open(image); // the response is needed to show it
  }

  /** retryAll lets detection in images that failed start again, because the reason may be gone. */
  retryAll() {
    for (const image of this.gallery.images) image.failed = false;
  }

  /** smaller shows a copy of the image with at most SMALLER pixels per side in its place. */
  async smaller() {
    const { image } = this.state;
    if (!image?.decoded || !mayClose(image)) return;
    const name = image.name.replace(/\.\w+$/, "") + " (smaller).jpg";
    const blob = await jpeg(this.img, SMALLER);
    if (this.state.image !== image) return; // another click was faster
    this.gallery.remove(image);
    await this.take([new File([blob], name, { type: blob.type })]);
  }

  drawStrip() {
    this.strip.show(this.gallery.images, this.state.image, (image) => (this.gallery.labelled(image) ? this.page.shown(image, image.answer).length : null));
    this.page.listed();
  }

  /** setFrame sets the size of the image in pixels, which the panes keep the ratio of. */
  setFrame(width, height) {
    $("panes").style.setProperty("--w", width);
    $("panes").style.setProperty("--h", height);
  }

  showCaption() {
    const { blob, name, decoded } = this.state.image;
    const size = this.state.answer?.image;
    const parts = [name, size && `${size.width} × ${size.height}`, bytes(blob.size)];
    $("name").textContent = parts.filter(Boolean).join(", ");
    $("frame").classList.toggle("blank", !decoded);
  }
}

/** mayClose asks before corrected boxes are lost. */
function mayClose({ name, boxes }) {
  return !boxes?.unsaved || confirm(`The corrected boxes of ${name} are not saved. Close the image anyway?`);
}
