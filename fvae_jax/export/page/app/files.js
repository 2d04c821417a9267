// The page's own files.

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
