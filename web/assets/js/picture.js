// Pictures on their way in: from a drop, the clipboard or a camera's frame; smaller copies.

/** fromTransfer returns the first file of a drop or a paste, a picture if there is one, or null. */
export function fromTransfer(transfer) {
  const files = [...(transfer?.files ?? [])];
  return files.find((f) => f.type.startsWith("image/")) ?? files[0] ?? null;
}

/** load shows a picture in an <img>; false where the browser cannot decode it (the server may still). */
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
 * jpeg draws what a picture or a video shows as a JPEG whose longer side is at most `longest` pixels.
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
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return toBlob(canvas, "image/jpeg", quality);
}

/** toBlob is canvas.toBlob as a promise; it fails where the canvas is too large for the browser. */
export function toBlob(canvas, type, quality) {
  return new Promise((done, fail) => {
    canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("the picture is too large for this browser"))), type, quality);
  });
}
