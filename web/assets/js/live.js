// Detection in what the camera sees, one frame at a time.

import { Rate } from "./camera.js";
import { detect, isBusy, rest } from "./api.js";
import { duration } from "./format.js";

export class Live {
  /**
   * @param {import("./camera.js").Camera} camera
   * @param {{rate: HTMLElement, cameras: HTMLSelectElement}} elements
   * @param {{begin: () => void, started: () => void, failed: (error: Error) => void, ended: (error: Error) => void, longest: () => number,
   *   options: () => object, show: (answer: object) => void}} page failed is for a camera that does not start, ended for one that was on
   */
  constructor(camera, elements, page) {
    Object.assign(this, { camera, page }, elements);
    this.cameras.addEventListener("change", () => this.start(this.cameras.value));
  }

  /** start turns the camera on and sends frames until it is off. If the user does something else meanwhile, it stays off. */
  async start(deviceId) {
    this.page.begin();
    try {
      if (!(await this.camera.start(deviceId))) return;
    } catch (error) {
      this.page.failed(error);
      return;
    }
    this.page.started();
    this.list();
    const ticks = new Rate();
    this.rate.textContent = "";
    try {
      await this.camera.run(this.page.longest(), async (frame) => {
        const answer = await this.ask(frame);
        if (!answer || !this.camera.on) return;
        this.page.show(answer);
        this.rate.textContent = `${ticks.tick().toFixed(1)} images/s, ${duration(answer.timing_ms.round_trip)}`;
      });
    } catch (error) {
      if (error.name !== "AbortError") this.page.ended(error);
    }
  }

  /** ask returns the response for a frame, null if the camera is off by then. If the server is busy, it waits and returns null. */
  async ask(frame) {
    if (!this.camera.on) return null; // options would take the place of the request that follows
    try {
      return await detect(frame, this.page.options());
    } catch (error) {
      if (!isBusy(error)) throw error;
      this.rate.textContent = "The server is busy";
      await rest(error);
      return null;
    }
  }

  async list() {
    const devices = await this.camera.devices();
    this.cameras.hidden = devices.length < 2;
    this.cameras.replaceChildren(...devices.map((d) => new Option(d.label, d.id, false, d.id === this.camera.deviceId)));
  }
}
