// Zoom and pan of one or two panes alike: wheel, pinch, drag, buttons, keys. A double click resets.

const MOST = 16;
const STEP = 1.5; // of a button or key

export class Zoom {
  /**
   * @param {HTMLElement} stage takes the wheel and the pointers
   * @param {HTMLElement[]} ports each has a .frame, which is larger than its port when zoomed
   * @param {(zoom: number) => void} changed
   */
  constructor(stage, ports, changed) {
    Object.assign(this, { stage, ports, changed });
    this.pointers = new Map();
    this.dragged = false;
    this.reset();
    stage.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    stage.addEventListener("pointerdown", (e) => this.down(e));
    stage.addEventListener("pointermove", (e) => this.move(e));
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, (e) => this.pointers.delete(e.pointerId));
    stage.addEventListener("click", (e) => this.click(e), { capture: true });
  }

  reset() {
    this.set(1, 0, 0);
  }

  /** set takes the zoom and the left top corner of the frame, in parts of the port. The frame always covers the port. */
  set(zoom, x, y) {
    this.zoom = clamp(zoom, 1, MOST);
    this.x = clamp(x, 1 - this.zoom, 0);
    this.y = clamp(y, 1 - this.zoom, 0);
    for (const { style } of this.ports) {
      style.setProperty("--zoom", this.zoom);
      style.setProperty("--x", this.x);
      style.setProperty("--y", this.y);
    }
    this.stage.classList.toggle("zoomed", this.zoom > 1);
    this.changed(this.zoom);
  }

  /** by zooms around a point in parts of the port, by default its middle. */
  by(factor, at = { x: 0.5, y: 0.5 }) {
    const zoom = clamp(this.zoom * factor, 1, MOST), f = zoom / this.zoom;
    this.set(zoom, at.x - (at.x - this.x) * f, at.y - (at.y - this.y) * f);
  }

  in() {
    this.by(STEP);
  }

  out() {
    this.by(1 / STEP);
  }

  /** pan moves the view by parts of the port. */
  pan(dx, dy) {
    this.set(this.zoom, this.x - dx, this.y - dy);
  }

  at(event, port = event.target.closest(".port")) {
    const r = port.getBoundingClientRect();
    return { x: (event.clientX - r.left) / r.width, y: (event.clientY - r.top) / r.height, w: r.width, h: r.height };
  }

  wheel(event) {
    if (!event.target.closest(".port") || (this.zoom === 1 && event.deltaY > 0)) return; // the page scrolls
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.by(2 ** (-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), this.at(event));
  }

  down(event) {
    this.dragged = false;
    const port = event.target.closest(".port");
    if (port && event.button !== 2) this.pointers.set(event.pointerId, { port, id: event.pointerId, x: event.clientX, y: event.clientY });
  }

  /** click takes the click at the end of a drag, which selects nothing, and resets at a double click, also if its two clicks hit different boxes. */
  click(event) {
    if (this.dragged && event.detail > 0) event.stopPropagation();
    else if (event.detail === 2 && event.target.closest(".port")) this.reset();
    this.dragged = false;
  }

  move(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last) return;
    const other = [...this.pointers.values()].find((p) => p.id !== last.id);
    const moved = Math.hypot(event.clientX - last.x, event.clientY - last.y);
    if (!other && (this.zoom === 1 || (!this.dragged && moved < 4))) return;
    if (!this.dragged) this.stage.setPointerCapture(event.pointerId);
    this.dragged = true;
    const now = { ...last, x: event.clientX, y: event.clientY };
    this.pointers.set(event.pointerId, now);
    const { w, h, x, y } = this.at(event, last.port);
    if (!other) {
      this.pan((last.x - now.x) / w, (last.y - now.y) / h);
      return;
    }
    const before = Math.hypot(last.x - other.x, last.y - other.y);
    if (before > 0) this.by(Math.hypot(now.x - other.x, now.y - other.y) / before, { x: x + (other.x - now.x) / 2 / w, y: y + (other.y - now.y) / 2 / h });
  }
}

function clamp(v, low, high) {
  return Math.max(low, Math.min(v, high));
}
