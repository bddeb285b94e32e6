// Label files of images: COCO, YOLO and Pascal VOC, as scalenet's own readers and other tools take them.

import { zip } from "./zip.js";

/** @typedef {{name: string, blob: Blob, converted: boolean, width: number, height: number, boxes: import("./boxes.js").Item[]}} Labelled converted is for an image that the user has in another format only */

/**
 * labelFile returns a file with the boxes of images: of one image that the user has its COCO or VOC file, otherwise a zip with the images.
 * @param {"coco"|"yolo"|"voc"} format
 * @param {Labelled[]} images
 * @param {string[]} classes in the order of their ids
 * @returns {Promise<{blob: Blob, name: string}>}
 */
export async function labelFile(format, images, classes) {
  images = unique(images);
  const files = { coco, yolo, voc }[format](images, classes);
  if (images.length === 1 && files.length === 1 && !images[0].converted) {
    const [{ name, text }] = files;
    return { blob: new Blob([text], { type: name.endsWith("xml") ? "application/xml" : "application/json" }), name: `${stem(images[0].name)}.${name.split(".").at(-1)}` };
  }
  const folder = { coco: "images", yolo: "images", voc: "JPEGImages" }[format];
  const all = [...files.map(({ name, text }) => ({ name, blob: new Blob([text]) })), ...images.map((m) => ({ name: `${folder}/${m.name}`, blob: m.blob }))];
  return { blob: await zip(all), name: images.length === 1 ? `${stem(images[0].name)}-${format}.zip` : `labels-${format}.zip` };
}

function coco(images, classes) {
  const annotations = images.flatMap((m, i) => m.boxes.map((d) => ({ image: i + 1, d })));
  const text = JSON.stringify({
    images: images.map((m, i) => ({ id: i + 1, file_name: m.name, width: m.width, height: m.height })),
    categories: classes.map((name, i) => ({ id: i + 1, name })),
    annotations: annotations.map(({ image, d: { box, label } }, i) => {
      const w = box.x2 - box.x1, h = box.y2 - box.y1;
      return { id: i + 1, image_id: image, category_id: classes.indexOf(label) + 1, bbox: [box.x1, box.y1, w, h], area: w * h, iscrowd: 0 };
    }),
  });
  return [{ name: "annotations.json", text: `${text}\n` }];
}

function yolo(images, classes) {
  const names = `path: .\ntrain: images\nnames:\n${classes.map((c, i) => `  ${i}: ${JSON.stringify(c)}\n`).join("")}`;
  const line = (m, { box, label }) =>
    [classes.indexOf(label), (box.x1 + box.x2) / 2 / m.width, (box.y1 + box.y2) / 2 / m.height, (box.x2 - box.x1) / m.width, (box.y2 - box.y1) / m.height].join(" ");
  return [{ name: "data.yaml", text: names }, ...images.map((m) => ({ name: `labels/${stem(m.name)}.txt`, text: m.boxes.map((d) => `${line(m, d)}\n`).join("") }))];
}

/** voc writes corners in pixels from 0, as labelling tools do. */
function voc(images) {
  return images.map((m) => {
    const objects = m.boxes.map(
      ({ box, label }) =>
        `  <object>\n    <name>${escape(label)}</name>\n    <difficult>0</difficult>\n    <bndbox><xmin>${box.x1}</xmin><ymin>${box.y1}</ymin><xmax>${box.x2}</xmax><ymax>${box.y2}</ymax></bndbox>\n  </object>\n`,
    );
    const size = `<size><width>${m.width}</width><height>${m.height}</height><depth>3</depth></size>`;
    return { name: `Annotations/${stem(m.name)}.xml`, text: `<annotation>\n  <filename>${escape(m.name)}</filename>\n  ${size}\n${objects.join("")}</annotation>\n` };
  });
}

/** unique gives images of the same name, apart from the extension, different names. */
function unique(images) {
  const taken = new Set();
  return images.map((m) => {
    const [base, extension] = [stem(m.name), m.name.slice(stem(m.name).length)];
    let name = base;
    for (let n = 2; taken.has(name.toLowerCase()); n++) name = `${base}-${n}`;
    taken.add(name.toLowerCase());
    return { ...m, name: name + extension };
  });
}

export const stem = (name) => name.replace(/\.\w+$/, "") || "image";

const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
