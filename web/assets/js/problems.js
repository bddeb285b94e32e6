// Errors over the image, with what can be done about each.

import { Problem } from "./api.js";

const $ = (id) => document.getElementById(id);
const SMALLER = ["image_too_large", "body_too_large"]; // a smaller copy helps
const FINAL = ["unsupported_image", "corrupt_image", "empty"]; // trying again does not help

/** showProblem shows an error. An error that is no Problem is one of this page. */
export function showProblem(error) {
  if (!(error instanceof Problem)) {
    console.error(error);
    error = new Problem("Something went wrong in this page", "Reload it and try again.", { detail: String(error) });
  }
  $("problem-title").textContent = error.title;
  $("problem-text").textContent = error.text;
  $("problem-detail").textContent = error.detail;
  const needsKey = error.code === "unauthorized", tooLarge = SMALLER.includes(error.code);
  $("key-form").hidden = !needsKey;
  $("problem-smaller").hidden = !tooLarge;
  $("problem-choose").hidden = needsKey;
  $("problem-retry").hidden = needsKey || tooLarge || FINAL.includes(error.code);
  $("problem").hidden = false;
}

export function hideProblem() {
  $("problem").hidden = true;
}
