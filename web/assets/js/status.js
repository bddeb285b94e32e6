// What the page does at the moment: the controls it shows, and what screen readers hear of it.

const $ = (id) => document.getElementById(id);

/** enter shows the controls of a state: empty, image or live. */
export function enter(name) {
  $("main").dataset.state = name;
  keepFocus();
}

/** keepFocus moves the focus to <main> from a control that is now hidden. Otherwise a user of the keyboard would be back at the top of the page. */
export function keepFocus() {
  const focused = document.activeElement;
  if (focused !== document.body && !focused.checkVisibility({ visibilityProperty: true })) focusMain();
}

export function focusMain() {
  $("main").focus({ preventScroll: true });
}

/** busy shows whether a request is in progress. */
export function busy(on) {
  $("main").classList.toggle("busy", on);
  $("results").setAttribute("aria-busy", on);
  keepFocus();
  if (on) announce("Detecting objects.");
}

let announcing = 0;
/** announce sends a text to screen readers. Of several texts in quick succession, only the last is read. */
export function announce(text) {
  clearTimeout(announcing);
  announcing = setTimeout(() => ($("status").textContent = text), 150);
}
