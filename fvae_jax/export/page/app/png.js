// A picture as a PNG file with notes in it.

const SIGNATURE = 8;

let table = null;

function crc(bytes) {
  table ??= Uint32Array.from({length: 256}, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
  });
  let sum = 0xffffffff;
  for (const byte of bytes) sum = table[(sum ^ byte) & 0xff] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

/** A chunk of international text. */
function chunk(keyword, text) {
  const encoder = new TextEncoder();
  const body = new Uint8Array([...encoder.encode('iTXt'), ...encoder.encode(keyword), 0, 0, 0, 0, 0, ...encoder.encode(text)]);
  const bytes = new Uint8Array(body.length + 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, body.length - 4);
  bytes.set(body, 4);
  view.setUint32(body.length + 4, crc(body));
  return bytes;
}

/** Puts notes, {name: text}, after the header of a PNG. */
async function annotated(blob, notes) {
  const head = new DataView(await blob.slice(0, SIGNATURE + 4).arrayBuffer());
  const end = SIGNATURE + 12 + head.getUint32(SIGNATURE);
  const chunks = Object.entries(notes).map(([keyword, text]) => chunk(keyword, text));
  return new Blob([blob.slice(0, end), ...chunks, blob.slice(end)], {type: 'image/png'});
}

/** A canvas as a PNG with notes. */
export async function encoded(canvas, notes) {
  return annotated(await canvas.convertToBlob({type: 'image/png'}), notes);
}
