// The images that were opened, with what is known of each, and detection in those that are not shown.

import { isBusy, rest } from "./api.js";
import { stem } from "./labelfiles.js";

const TIMEOUTS = 3; // of one image, which may take the server too long at any time

/**
 * @typedef {object} Picture
 * @property {Blob} blob as the user has it
 * @property {Blob|null} jpeg of a format that only this browser reads, for the server
 * @property {string} name
 * @property {boolean} decoded whether this browser shows it
 * @property {object|null} answer response of the server
 * @property {string} asked settings of the request of answer
 * @property {{model: string, answer: object}|null} other response of the model to compare with
 * @property {import("./boxes.js").Boxes|null} boxes corrected by hand, instead of answer
 * @property {boolean} failed
 */

/** sent returns the file that the server gets of an image. */
export function sent({ name, blob, jpeg }) {
  return jpeg ? { name: `${stem(name)}.jpg`, blob: jpeg } : { name, blob };
}

export class Gallery {
  /**
   * @param {(image: Picture, signal: AbortSignal) => Promise<object>} detect
   * @param {() => string} settings of a request; another one makes answers out of date
   * @param {() => void} changed
   */
  constructor(detect, settings, changed) {
    Object.assign(this, { detect, settings, changed });
    this.images = [];
    this.request = null;
  }

  /** add returns a new image for each file. */
  add(files) {
    const added = files.map((blob) => ({ blob, jpeg: null, name: blob.name, decoded: false, answer: null, asked: "", other: null, boxes: null, failed: false }));
    this.images.push(...added);
    return added;
  }

  /** remove returns the image that is next to the removed one, or null. */
  remove(image) {
    const at = this.images.indexOf(image);
    this.images.splice(at, 1);
    return this.images[Math.min(at, this.images.length - 1)] ?? null;
  }

  /** known returns whether an image has an answer for the settings of now. */
  known(image) {
    return image.answer !== null && image.asked === this.settings();
  }

  /** labelled returns whether the boxes of an image are known: corrected by hand, or of an answer for the settings of now. */
  labelled(image) {
    return image.boxes !== null || this.known(image);
  }

  keep(image, answer) {
    answer.detections.forEach((d, i) => (d.id = i));
    Object.assign(image, { answer, asked: this.settings(), failed: false });
  }

  /** pause cancels the detection in images that are not shown. */
  pause() {
    this.request?.abort();
    this.request = null;
  }

  /**
   * fill detects in all images that need it, one at a time. An image that fails says why when it is opened.
   * @param {Error} [error] of the request before: if the server was busy then, it rests first
   */
  async fill(error) {
    this.pause();
    const request = (this.request = new AbortController());
    if (error && isBusy(error)) await rest(error);
    for (const image of [...this.images]) {
      if (this.request !== request) return;
      if (this.labelled(image) || image.failed || !this.images.includes(image)) continue;
      try {
        const answer = await this.ask(image, request.signal);
        if (this.request !== request) return;
        this.keep(image, answer);
      } catch (error) {
        if (error.name === "AbortError" || this.request !== request) return;
        image.failed = true;
      }
      this.changed();
    }
  }

  /** ask returns the response for an image. While the server is busy, it rests and asks again. */
  async ask(image, signal) {
    for (let timeouts = 0; ; ) {
      try {
        return await this.detect(image, signal);
      } catch (error) {
        if (error.code === "deadline_exceeded") timeouts++;
        if (!isBusy(error) || timeouts === TIMEOUTS) throw error;
        await rest(error);
        signal.throwIfAborted();
      }
    }
  }
}
