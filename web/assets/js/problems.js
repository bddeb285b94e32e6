// Errors over the image, with what can be done about each.

import { Problem } from "./api.js";
import { keepFocus } from "./status.js";

const $ = (id) => document.getElementById(id);
const SMALLER = ["image_too_large", "body_too_large"]; // a smaller copy helps
const TILES = "too_many_tiles"; // the whole image helps
const FINAL = ["unsupported_image", "corrupt_image", "empty"]; // trying again does not help

/**
 * showProblem shows an error. An error that is no Problem is one of this page.
 * @param {Error} error
 * @param {boolean} decoded whether this browser shows the image, so that it can make a smaller copy
 */
export function showProblem(error, decoded) {
  if (!(error instanceof Problem)) {
    console.error(error);
    error = new Problem("Something went wrong in this page", "Reload it and try again.", { detail: String(error) });
  }
  $("problem-title").textContent = error.title;
  $("problem-text").textContent = error.text;
  $("problem-detail").textContent = error.detail;
  const needsKey = error.code === "unauthorized", tooLarge = SMALLER.includes(error.code);
  $("key-form").hidden = !needsKey;
  $("problem-smaller").hidden = !(tooLarge && decoded);
  $("problem-whole").hidden = error.code !== TILES;
  $("problem-choose").hidden = needsKey;
  $("problem-retry").hidden = needsKey || tooLarge || error.code === TILES || FINAL.includes(error.code);
  $("problem").hidden = false;
}

export function hideProblem() {
  $("problem").hidden = true;
  keepFocus();
}
