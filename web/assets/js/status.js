// What the page does at the moment: the controls it shows, and what screen readers hear of it.

const $ = (id) => document.getElementById(id);

/** enter shows the controls of a state: empty, image or live. Focus on a control that is now hidden moves to <main>. */
export function enter(name) {
  const main = $("main"), focused = document.activeElement;
  main.dataset.state = name;
  if (focused !== document.body && !focused.checkVisibility()) main.focus({ preventScroll: true });
}

/** busy shows whether a request is in progress. */
export function busy(on) {
  $("main").classList.toggle("busy", on);
  $("results").setAttribute("aria-busy", on);
  if (on) announce("Detecting objects.");
}

let announcing = 0;
/** announce sends a text to screen readers. Of several texts in quick succession, only the last is read. */
export function announce(text) {
  clearTimeout(announcing);
  announcing = setTimeout(() => ($("status").textContent = text), 150);
}
