// Patches of a map.

/** The pixels of the largest patch of a map of rows of `width` above a threshold; neighbors touch at corners too. */
export function largestPatch(map, width, threshold) {
  const height = map.length / width;
  const seen = new Uint8Array(map.length);
  let largest = [];
  map.forEach((value, start) => {
    if (seen[start] || value <= threshold) return;
    const patch = [start];
    seen[start] = 1;
    for (let n = 0; n < patch.length; n++) {
      const [x, y] = [patch[n] % width, Math.floor(patch[n] / width)];
      for (let v = Math.max(y - 1, 0); v <= Math.min(y + 1, height - 1); v++) {
        for (let u = Math.max(x - 1, 0); u <= Math.min(x + 1, width - 1); u++) {
          const i = v * width + u;
          if (!seen[i] && map[i] > threshold) {
            seen[i] = 1;
            patch.push(i);
          }
        }
      }
    }
    if (patch.length > largest.length) largest = patch;
  });
  return largest;
}
