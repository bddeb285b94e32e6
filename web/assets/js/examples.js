// The example images of the server.

import { Problem } from "./api.js";

export class Examples {
  /** @param {{known: (name: string) => object|undefined, open: (image: object) => void, take: (files: File[]) => Promise<void>, fail: (error: Problem, retry: () => void) => void}} page */
  constructor(page) {
    this.page = page;
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
    const known = this.page.known(name);
    if (known) return this.page.open(known);
    const response = await fetch(`examples/${name}`).catch(() => null);
    if (!response?.ok) {
      this.page.fail(new Problem("The example could not be loaded", "Is the server still running?", { code: "network" }), () => this.take(name));
      return;
    }
    await this.page.take([new File([await response.blob()], name, { type: response.headers.get("Content-Type") })]);
  }

  mark(name) {
    for (const button of document.querySelectorAll("[data-example]")) {
      if (button.dataset.example === name) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }
}
