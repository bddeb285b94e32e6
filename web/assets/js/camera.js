// The camera. Frames are sent to the server as small JPEGs, one at a time: the next after the response.

import { Problem } from "./api.js";
import { jpeg } from "./image.js";

export class Camera {
  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.video = video;
    this.stream = null;
    this.starts = 0; // the number of the newest start; stop counts, too
  }

  get on() {
    return this.stream !== null;
  }

  /** start opens the camera with this id, or the rear camera. It returns false if another start or a stop was faster than the user's permission. */
  async start(deviceId) {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Problem("The camera cannot be used here", "Browsers allow the camera only for pages from https:// or from this machine (localhost).", { code: "camera" });
    }
    this.stop();
    const start = this.starts;
    const size = { width: { ideal: 1280 }, height: { ideal: 720 } };
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: deviceId ? { deviceId: { exact: deviceId }, ...size } : { facingMode: "environment", ...size },
      });
      if (this.starts !== start) {
        end(stream);
        return false;
      }
      this.video.srcObject = this.stream = stream;
      await this.video.play();
    } catch (error) {
      if (this.starts !== start) return false;
      this.stop();
      throw cameraProblem(error);
    }
    return this.starts === start;
  }

  stop() {
    this.starts++;
    if (this.stream) end(this.stream);
    this.stream = null;
    this.video.srcObject = null;
  }

  /** devices lists the cameras with id and label. */
  async devices() {
    const all = await navigator.mediaDevices.enumerateDevices();
    return all.filter((d) => d.kind === "videoinput").map((d, i) => ({ id: d.deviceId, label: d.label || `Camera ${i + 1}` }));
  }

  get deviceId() {
    return this.stream?.getVideoTracks()[0]?.getSettings().deviceId ?? "";
  }

  /**
   * run sends frames until the camera stops: one request at a time, none while the page is hidden.
   * @param {number} longest longer side of the frames sent, in pixels
   * @param {(frame: Blob) => Promise<void>} send resolves after the response; an exception ends the run
   */
  async run(longest, send) {
    const stream = this.stream;
    while (this.stream === stream && stream) {
      await (document.hidden ? shown() : nextFrame(this.video));
      if (this.stream !== stream || document.hidden) continue;
      await send(await jpeg(this.video, longest, 0.8));
    }
  }
}

/** Rate measures responses per second, over the last two seconds. */
export class Rate {
  times = [];

  tick(now = performance.now()) {
    this.times = [...this.times.filter((t) => now - t < 2000), now];
    const span = now - this.times[0];
    return span > 0 ? ((this.times.length - 1) * 1000) / span : 0;
  }
}

function end(stream) {
  for (const track of stream.getTracks()) track.stop();
}

function nextFrame(video) {
  return new Promise((done) => {
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(done);
    else requestAnimationFrame(done);
    setTimeout(done, 500); // a stopped camera delivers no frame
  });
}

function shown() {
  return new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
}

function cameraProblem(error) {
  const [title, text] = {
    NotAllowedError: ["The camera was not allowed", "Allow it for this page in the browser's address bar, then try again."],
    NotFoundError: ["No camera was found", "Connect one, or choose an image instead."],
    OverconstrainedError: ["That camera is gone", "Connect it again, or choose an image instead."],
    NotReadableError: ["The camera is in use", "Another program holds it. Close that one, then try again."],
  }[error.name] ?? ["The camera could not be started", "Choose an image instead."];
  return new Problem(title, text, { code: "camera", detail: error.message });
}
