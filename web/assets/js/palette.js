// Colours of classes. All are light enough for black text at a contrast above 7 and are told apart by most colour-blind people
// at least in groups; a class is always named beside its colour.

const COLORS = [
  "#ffa24d", "#5cc2ff", "#63dd95", "#d5a6ff", "#ffdb4d", "#ff8fa3",
  "#45e0d1", "#b5e061", "#ffa8e4", "#a3b8ff", "#e8bd8c", "#c9d3da",
];

export const INK = "#101214";

/** color returns the colour of a class by its id, from 1. */
export function color(classID) {
  const n = COLORS.length;
  return COLORS[(((classID - 1) % n) + n) % n];
}
