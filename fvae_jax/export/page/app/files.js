// The page's own files, and those that it saves.

const root = new URL('..', import.meta.url);

/** A file by its path in the page's folder, unpacked if it is compressed. */
export async function bytes(path) {
  const response = await fetch(new URL(path, root));
  if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
  const packed = new Uint8Array(await response.arrayBuffer());
  // A server that declares the file as compressed has the browser unpack it.
  if (!path.endsWith('.gz') || packed[0] !== 0x1f || packed[1] !== 0x8b) return packed;
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Saves a blob where the browser puts downloads. */
export function save(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
