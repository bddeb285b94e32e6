// The example images of the server.

import { Problem } from "./api.js";

export class Examples {
  /**
   * @param {{known: (file: File) => object|undefined, open: (image: object) => void, take: (files: File[]) => Promise<void>,
   *   fail: (error: Problem, retry: () => void) => void}} page known returns the image of the strip that is from a file
   */
  constructor(page) {
    this.page = page;
    this.files = new Map(); // by name, because images of the user's may have the same names
    this.clicks = 0;
    document.addEventListener("click", (event) => {
      const name = event.target.closest("[data-example]")?.dataset.example;
      if (name) this.take(name);
    });
  }

  /** offer shows the images with something that a model detects. */
  offer(labels) {
    for (const set of document.querySelectorAll(".examples")) set.hidden = !labels.includes(set.dataset.label);
  }

  /** take opens an example, which is in the strip only once. */
  async take(name) {
    const click = ++this.clicks;
    const known = this.page.known(this.files.get(name));
    if (known) return this.page.open(known);
    const response = await fetch(`examples/${name}`).catch(() => null);
    const blob = response?.ok ? await response.blob().catch(() => null) : null;
    if (this.clicks !== click) return; // another click was faster
    if (!blob) {
      this.page.fail(new Problem("The example could not be loaded", "Is the server still running?", { code: "network" }), () => this.take(name));
      return;
    }
    const file = new File([blob], name, { type: blob.type });
    this.files.set(name, file);
    await this.page.take([file]);
  }

  /** mark marks the example that a file is from, if any. */
  mark(file) {
    for (const button of document.querySelectorAll("[data-example]")) {
      if (file && this.files.get(button.dataset.example) === file) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }
}
