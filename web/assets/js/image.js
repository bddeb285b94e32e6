// Image input (file dialog, paste, drop), loading, and smaller copies.

/**
 * intake calls take for images that are chosen, pasted, or dropped anywhere on the page.
 * @param {HTMLInputElement} input the file input
 * @param {(files: File[]) => void} take
 * @param {(over: boolean) => void} dropping called while a file is dragged over the page
 */
export function intake(input, take, dropping) {
  input.addEventListener("change", () => {
    if (input.files.length) take([...input.files]);
    input.value = ""; // the same file may be chosen again
  });
  document.addEventListener("paste", (event) => {
    const files = images(event.clipboardData);
    if (files.length === 0) return; // pasted text
    event.preventDefault();
    take(files);
  });
  let inside = 0; // dragenter and dragleave fire for every element on the way
  const held = (change) => {
    inside = Math.max(0, inside + change);
    dropping(inside > 0);
  };
  document.addEventListener("dragenter", (event) => event.dataTransfer?.types.includes("Files") && held(1));
  document.addEventListener("dragleave", () => held(-1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    held(-inside);
    const files = images(event.dataTransfer);
    if (files.length) take(files);
  });
}

/** images returns the images of a drop or a paste, or else its first file. */
function images(transfer) {
  const files = [...(transfer?.files ?? [])];
  const known = files.filter((f) => f.type.startsWith("image/"));
  return known.length ? known : files.slice(0, 1);
}

/** load shows an image in an <img>. It returns false if the browser cannot decode the image; the server may be able to. */
export async function load(img, blob) {
  if (img.src.startsWith("blob:")) URL.revokeObjectURL(img.src);
  img.src = URL.createObjectURL(blob);
  try {
    await img.decode();
    return true;
  } catch {
    return false;
  }
}

/**
 * jpeg draws what an image or a video shows as a JPEG whose longer side is at most `longest` pixels.
 * @param {HTMLImageElement|HTMLVideoElement} source
 * @returns {Promise<Blob>}
 */
export async function jpeg(source, longest = Infinity, quality = 0.85) {
  const w = source.videoWidth ?? source.naturalWidth, h = source.videoHeight ?? source.naturalHeight;
  const scale = Math.min(1, longest / Math.max(w, h));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(w * scale));
  canvas.height = Math.max(1, Math.round(h * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white"; // a JPEG has no transparency
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return toBlob(canvas, "image/jpeg", quality);
}

/** converted returns an image file as a JPEG, null if this browser does not read it or has no room for it. */
export async function converted(blob) {
  const img = new Image();
  try {
    return (await load(img, blob)) ? await jpeg(img, Infinity, 0.92) : null;
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(img.src);
  }
}

/** toBlob is canvas.toBlob as a promise; it fails where the canvas is too large for the browser. */
export function toBlob(canvas, type, quality) {
  return new Promise((done, fail) => {
    canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("the image is too large for this browser"))), type, quality);
  });
}
