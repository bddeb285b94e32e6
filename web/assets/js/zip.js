// Zip archives without compression: images are compressed already.

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc32(bytes) {
  let c = ~0;
  for (const b of bytes) c = CRC[(c ^ b) & 255] ^ (c >>> 8);
  return ~c >>> 0;
}

/**
 * zip returns an archive of files. Their names are UTF-8.
 * @param {{name: string, blob: Blob}[]} files
 */
export async function zip(files) {
  const parts = [], directory = [];
  let offset = 0;
  for (const { name, blob } of files) {
    const text = new TextEncoder().encode(name), crc = crc32(new Uint8Array(await blob.arrayBuffer()));
    // version 2.0, UTF-8 names, stored, 1980-01-01
    const common = [[2, 20], [2, 0x800], [2, 0], [2, 0], [2, 33], [4, crc], [4, blob.size], [4, blob.size], [2, text.length], [2, 0]];
    const local = record([[4, 0x04034b50], ...common]);
    parts.push(local, text, blob);
    directory.push(record([[4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]), text);
    offset += local.length + text.length + blob.size;
  }
  const size = directory.reduce((sum, d) => sum + d.length, 0);
  if (offset + size > 0xffffffff || files.length > 0xffff) throw new Error("the images are larger than a zip file may be");
  const end = record([[4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, size], [4, offset], [2, 0]]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** record writes numbers of 2 or 4 bytes, little-endian. */
function record(fields) {
  return Uint8Array.from(fields.flatMap(([bytes, value]) => Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 255)));
}
