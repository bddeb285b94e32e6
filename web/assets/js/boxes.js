// Boxes that are corrected by hand, with undo.

/** @typedef {{id: number, class_id: number, label: string, score: number|null, box: {x1: number, y1: number, x2: number, y2: number}}} Item score is null for a box that was drawn */

const SMALLEST = 1; // pixels of the image

export class Boxes {
  /**
   * @param {Item[]} found what to begin with
   * @param {{width: number, height: number}} size of the image
   */
  constructor(found, size) {
    this.list = found;
    this.size = size;
    this.next = Math.max(-1, ...found.map((d) => d.id)) + 1;
    this.past = [];
    this.future = [];
    this.saved = null; // the list that was saved last
  }

  get changed() {
    return this.past.length > 0;
  }

  /** unsaved returns whether leaving loses work. */
  get unsaved() {
    return this.changed && this.list !== this.saved;
  }

  get(id) {
    return this.list.find((d) => d.id === id) ?? null;
  }

  /** begin remembers the state before a change, or before several that are undone together, such as those of a drag. */
  begin() {
    this.past.push(this.list);
    this.future = [];
  }

  /** add returns the id of a new box. */
  add(box, { label, class_id }) {
    const id = this.next++;
    this.list = [...this.list, { id, class_id, label, score: null, box: this.inside(box) }];
    return id;
  }

  /** set changes a box or its class. A box without area is not taken. */
  set(id, change) {
    if (change.box) change = { ...change, box: this.inside(change.box) };
    this.list = this.list.map((d) => (d.id === id ? { ...d, ...change } : d));
  }

  remove(id) {
    this.list = this.list.filter((d) => d.id !== id);
  }

  undo() {
    return this.step(this.past, this.future);
  }

  redo() {
    return this.step(this.future, this.past);
  }

  step(from, to) {
    if (from.length === 0) return false;
    to.push(this.list);
    this.list = from.pop();
    return true;
  }

  /** moved returns a box at another place, as far as the image goes. */
  moved({ x1, y1, x2, y2 }, dx, dy) {
    const { width, height } = this.size;
    dx = clamp(dx, -x1, width - x2);
    dy = clamp(dy, -y1, height - y2);
    return { x1: x1 + dx, y1: y1 + dy, x2: x2 + dx, y2: y2 + dy };
  }

  /** inside returns a box with its corners in order, within the image and at least one pixel large. */
  inside({ x1, y1, x2, y2 }) {
    const [left, right] = span(x1, x2, this.size.width);
    const [top, bottom] = span(y1, y2, this.size.height);
    return { x1: left, y1: top, x2: right, y2: bottom };
  }
}

function span(a, b, most) {
  const low = clamp(Math.min(a, b), 0, most - SMALLEST);
  return [low, clamp(Math.max(a, b), low + SMALLEST, most)];
}

function clamp(v, low, high) {
  return Math.max(low, Math.min(v, high));
}
