// The images that were opened, with what is known of each, and detection in those that are not shown.

/**
 * @typedef {object} Picture
 * @property {Blob} blob
 * @property {string} name
 * @property {boolean} decoded whether this browser shows it
 * @property {object|null} answer response of the server
 * @property {string} asked settings of the request of answer
 * @property {{model: string, answer: object}|null} other response of the model to compare with
 * @property {import("./boxes.js").Boxes|null} boxes corrected by hand, instead of answer
 * @property {boolean} failed
 */

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
    const added = files.map((blob) => ({ blob, name: blob.name, decoded: false, answer: null, asked: "", other: null, boxes: null, failed: false }));
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

  keep(image, answer) {
    answer.detections.forEach((d, i) => (d.id = i));
    Object.assign(image, { answer, asked: this.settings(), failed: false });
  }

  /** pause cancels the detection in images that are not shown. */
  pause() {
    this.request?.abort();
    this.request = null;
  }

  /** fill detects in all images that need it, one at a time. An image that fails says why when it is opened. */
  async fill() {
    this.pause();
    const request = (this.request = new AbortController());
    for (const image of [...this.images]) {
      if (this.known(image) || image.failed || image.boxes) continue;
      try {
        const answer = await this.detect(image, request.signal);
        if (this.request !== request) return;
        this.keep(image, answer);
      } catch (error) {
        if (error.name === "AbortError" || this.request !== request) return;
        image.failed = true;
      }
      this.changed();
    }
  }
}
