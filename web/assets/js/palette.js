// Colours of classes, those of imaging.ClassColor. Dark text on them has a contrast of at least 6. The order is that in which each is the furthest
// from those before it, for people with normal and with colour-blind vision. A class is always named beside its colour.

const COLORS = [
  "#ffa24d", "#0096ff", "#00ffd2", "#fff000", "#ff6978", "#c3c3ff",
  "#b4ffa5", "#e169b4", "#3cc396", "#e1c30f", "#ff2dff", "#ff5a00",
];

export const INK = "#101214";

/** color returns the colour of a class by its id, from 1. */
export function color(classID) {
  const n = COLORS.length;
  return COLORS[(((classID - 1) % n) + n) % n];
}
