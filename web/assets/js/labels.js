// Placement of labels: within the image, next to their box, without overlap.

/** @typedef {{x: number, y: number, w: number, h: number}} Rect left, top, width and height */

/**
 * place returns a position for each label, or null if there is no room. Such a label is shown while the pointer is on its box.
 * Boxes are placed in order. Each label takes the first free position: above the box, inside at its top, or below it, aligned to its
 * left or right edge.
 * @param {Rect[]} boxes
 * @param {{w: number, h: number}[]} sizes of the labels
 * @param {{w: number, h: number}} frame
 * @returns {({x: number, y: number}|null)[]}
 */
export function place(boxes, sizes, frame) {
  const taken = [];
  return boxes.map((box, i) => {
    const spot = candidates(box, sizes[i], frame).find((c) => !taken.some((t) => overlap(c, t)));
    if (!spot) return null;
    taken.push(spot);
    return { x: spot.x, y: spot.y };
  });
}

/** preferred returns the position of a label without regard to other labels. */
export function preferred(box, size, frame) {
  const { x, y } = candidates(box, size, frame)[0] ?? { x: 0, y: 0 };
  return { x, y };
}

function candidates(box, { w, h }, frame) {
  const left = box.x, right = box.x + box.w - w;
  const above = box.y - h, inside = box.y, below = box.y + box.h, bottom = box.y + box.h - h;
  const spots = [[left, above], [right, above], [left, inside], [left, below], [right, inside], [right, below], [left, bottom], [right, bottom]];
  return spots
    .map(([x, y]) => ({ x: clamp(x, 0, frame.w - w), y: y === inside || y === bottom ? clamp(y, 0, frame.h - h) : y, w, h }))
    .filter((c) => c.y >= 0 && c.y + h <= frame.h && w <= frame.w);
}

function overlap(a, b) {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

function clamp(v, low, high) {
  return Math.max(low, Math.min(v, high));
}
