// The request of the page as a command line.

/**
 * curl returns a command for a POSIX shell that sends the image from the folder it is in.
 * @param {{name: string, blob: Blob}} image
 * @param {{model?: string, threshold: number|string, tile?: string, key?: string}} options a key is not written, only its place
 */
export function curl({ name, blob }, { model, threshold, tile, key }) {
  const query = new URLSearchParams({ threshold });
  if (model) query.set("model", model);
  if (tile) query.set("tile", tile);
  const type = blob.type.startsWith("image/") ? blob.type : "application/octet-stream";
  const lines = [`curl ${quote(new URL(`detect?${query}`, document.baseURI).href)}`, `-H ${quote(`Content-Type: ${type}`)}`];
  if (key) lines.push('-H "Authorization: Bearer YOUR_API_KEY"');
  lines.push(`--data-binary ${quote(`@${name}`)}`);
  return lines.join(" \\\n  ");
}

const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** copy puts the text of an element on the clipboard, also where the page is not from https. */
export async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    const selection = getSelection();
    selection.selectAllChildren(element);
    const copied = document.execCommand("copy");
    selection.removeAllRanges();
    return copied;
  }
}
