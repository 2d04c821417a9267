// Enlarging what the networks say of the crop: cubic splines, and the fade at the crop's edge.

const POLE = Math.sqrt(3) - 2;
const PAD = 12; // samples past the border, which repeat the outermost one
const FINE_SIDE = 256; // px: fields are refined to about this side, and read bilinearly from there
const FADE = 0.1; // of the crop's side, at each edge, over which an edit comes in

/** The smallest multiple of a crop's side that is at least `FINE_SIDE`. */
export function fineSide(size) {
  return size * Math.ceil(FINE_SIDE / size);
}

/** Turns samples, padded by constants at both ends, into coefficients of B-splines, in place. */
function coefficients(line) {
  const last = line.length - 1;
  line[0] /= 1 - POLE; // the constant goes on to the left
  for (let i = 1; i <= last; i++) line[i] += POLE * line[i - 1];
  line[last] *= -POLE / (1 - POLE); // and to the right, once the first pass has settled
  for (let i = last - 1; i >= 0; i--) line[i] = POLE * (line[i + 1] - line[i]);
  for (let i = 0; i <= last; i++) line[i] *= 6;
}

/** The weights of the four B-splines around a position, `t` past the second. */
function basis(t) {
  const s = 1 - t;
  return [s * s * s / 6, (4 - 6 * t * t + 3 * t * t * t) / 6, (4 - 6 * s * s + 3 * s * s * s) / 6, t * t * t / 6];
}

/** Enlarges `count` rows of `size` samples to `side`; rows are `step` apart, samples `stride`. */
function enlargeRows(values, out, {count, size, side, step, stride, outStep, outStride}) {
  const line = new Float64Array(size + 2 * PAD);
  const ratio = side / size;
  const places = Array.from({length: side}, (_, i) => {
    const position = (i + 0.5) / ratio - 0.5;
    const floor = Math.floor(position);
    return [floor - 1 + PAD, ...basis(position - floor)];
  });
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < line.length; i++) {
      line[i] = values[row * step + Math.min(Math.max(i - PAD, 0), size - 1) * stride];
    }
    coefficients(line);
    for (let i = 0; i < side; i++) {
      const [at, w0, w1, w2, w3] = places[i];
      out[row * outStep + i * outStride] = w0 * line[at] + w1 * line[at + 1] + w2 * line[at + 2] + w3 * line[at + 3];
    }
  }
}

/**
 * Enlarges a smooth map of the crop with a cubic spline, centers of pixels kept.
 *
 * @param values size × size
 * @returns Float32Array of side × side
 */
export function enlarge(values, size, side) {
  const wide = new Float32Array(size * side);
  const out = new Float32Array(side * side);
  enlargeRows(values, wide, {count: size, size, side, step: size, stride: 1, outStep: side, outStride: 1});
  enlargeRows(wide, out, {count: side, size, side, step: 1, stride: side, outStep: 1, outStride: side});
  return out;
}

/** A smooth step, per pixel of a row, from 0 at the outermost pixels to 1 inside of `FADE`. */
export function fade(side) {
  return Float32Array.from({length: side}, (_, i) => {
    const step = Math.min(Math.min(i, side - 1 - i) / (FADE * side), 1);
    return step * step * (3 - 2 * step);
  });
}

/** Multiplies a map of side × side by the fade, in place. */
export function faded(map, side) {
  const factors = fade(side);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) map[row * side + column] *= factors[row] * factors[column];
  }
  return map;
}

/**
 * What an edit changes, enlarged.
 *
 * @param change {displacement, alpha, color, shading} of the crop, as `latent.anchored` gives it, and teeth of `exemplar.place`
 * @param fading whether it comes in from the crop's edge
 * @returns {size, side, field, content, teeth}: maps of side × side with four channels; field has displacement, alpha and the
 *   fade, content has color and shading; teeth have `lips`, a map of what lips leave of the light on them
 */
export function refine({displacement, alpha, color, shading, teeth}, size, fading = true) {
  const side = fineSide(size);
  const plane = (values, channels, channel) => enlarge(
    Float32Array.from({length: size * size}, (_, i) => values[channels * i + channel]), size, side);
  const shaped = fading ? (map) => faded(map, side) : (map) => map;
  const field = new Float32Array(4 * side * side);
  const content = new Float32Array(4 * side * side);
  const put = (array, channel, map) => map.forEach((value, i) => { array[4 * i + channel] = value; });
  for (const axis of [0, 1]) put(field, axis, shaped(plane(displacement, 2, axis)));
  put(field, 3, shaped(new Float32Array(side * side).fill(1)));
  if (alpha) {
    put(field, 2, shaped(plane(alpha, 1, 0)));
    for (const channel of [0, 1, 2]) put(content, channel, plane(color, 3, channel));
  }
  if (shading) put(content, 3, shaped(plane(shading, 1, 0)));
  return {size, side, field, content, teeth: teeth ? {...teeth, lips: enlarge(teeth.shading, size, side)} : null};
}
