// The images that were opened, as a strip of thumbnails with the number of their objects.

import { count } from "./format.js";

const HEIGHT = 104; // of thumbnails in pixels, for screens with two pixels per CSS pixel

export class Strip {
  /**
   * @param {HTMLElement} list
   * @param {{open: (image: object) => void, close: (image: object) => void}} on
   */
  constructor(list, on) {
    this.list = list;
    this.buttons = new Map(); // by image
    list.addEventListener("click", (e) => {
      const image = this.imageOf(e.target);
      if (image) on.open(image);
    });
    list.addEventListener("keydown", (e) => this.key(e, on));
  }

  /**
   * show lists images. Their buttons are kept, so that focus is not lost.
   * @param {{blob: Blob, name: string, failed?: boolean}[]} images
   * @param {object|null} current
   * @param {(image: object) => number|null} objects is null if not known yet
   */
  show(images, current, objects) {
    for (const [image, button] of this.buttons) {
      if (images.includes(image)) continue;
      button.parentElement.remove();
      this.buttons.delete(image);
    }
    for (const image of images) {
      const button = this.buttons.get(image) ?? this.add(image);
      const n = objects(image);
      button.querySelector(".number").textContent = image.failed ? "!" : (n ?? "…");
      const state = image.failed ? "could not be detected in" : n === null ? "waiting" : count(n, "object");
      button.setAttribute("aria-label", `${image.name}, ${state}`);
      button.tabIndex = image === (current ?? images[0]) ? 0 : -1;
      if (image === current) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    this.list.parentElement.hidden = images.length < (current ? 2 : 1); // after the camera, one is the way back
    this.buttons.get(current)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  add(image) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "thumb", title: image.name });
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    button.append(canvas, Object.assign(document.createElement("span"), { className: "number" }));
    const item = document.createElement("li");
    item.append(button);
    this.list.append(item);
    this.buttons.set(image, button);
    paint(canvas, image.blob);
    return button;
  }

  /** repaint takes the image as it is shown now, for formats that this browser does not read. */
  repaint(image, blob) {
    const canvas = this.buttons.get(image)?.querySelector("canvas");
    if (canvas) paint(canvas, blob);
  }

  /** focus returns false if the image has no button that can be seen. */
  focus(image) {
    const button = this.buttons.get(image);
    button?.focus();
    return document.activeElement === button;
  }

  imageOf(target) {
    const button = target.closest(".thumb");
    return [...this.buttons].find(([, b]) => b === button)?.[0];
  }

  key(event, on) {
    const images = [...this.buttons.keys()];
    const image = this.imageOf(event.target);
    const at = images.indexOf(image);
    if (event.key === "Delete") {
      event.preventDefault();
      event.stopPropagation();
      on.close(image);
      return;
    }
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: images.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = images[Math.max(0, Math.min(to, images.length - 1))];
    on.open(next);
    this.focus(next);
  }
}

async function paint(canvas, blob) {
  const bitmap = await createImageBitmap(blob, { resizeHeight: HEIGHT, resizeQuality: "medium" }).catch(() => null);
  if (!bitmap) return;
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
}
