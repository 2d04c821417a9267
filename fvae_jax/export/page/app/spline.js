// Enlarging what the networks say of the crop: cubic splines, and the fade at the crop's edge.

import {blurred} from './blur.js';
import {STEEPER} from './content.js';
import {drawn, outline} from './opening.js';

const POLE = Math.sqrt(3) - 2;
const PAD = 12; // samples past the border, which repeat the outermost one
const FINE_SIDE = 256; // px: fields are refined to about this side, and read bilinearly from there
const ROUNDER = 0.6; // px of the crop over which the edges of content are smoothed, lest its pixels show as waves
const FADE = 0.1; // of the crop's side, at each edge, over which an edit comes in

/** The smallest multiple of a crop's side that is at least `FINE_SIDE`. */
export function fineSide(size) {
  return size * Math.ceil(FINE_SIDE / size);
}

/**
 * Turns rows of samples, padded by constants at both ends, into coefficients of B-splines, in place; a "sample" is `width`
 * numbers beside each other.
 */
function coefficients(rows, count, width) {
  const first = 1 / (1 - POLE); // the constant goes on to the left
  for (let j = 0; j < width; j++) rows[j] *= first;
  for (let at = width; at < count * width; at++) rows[at] += POLE * rows[at - width];
  const end = (count - 1) * width;
  const last = -POLE / (1 - POLE); // and to the right, once the first pass has settled
  for (let j = 0; j < width; j++) rows[end + j] *= last;
  for (let at = end - 1; at >= 0; at--) rows[at] = POLE * (rows[at + width] - rows[at]);
}

/** Where each of `side` positions lies among the padded samples, and the weights (times 6) of the four B-splines around it. */
function places(size, side) {
  const starts = new Int32Array(side);
  const weights = new Float64Array(4 * side);
  for (let i = 0; i < side; i++) {
    const position = (i + 0.5) * size / side - 0.5;
    const floor = Math.floor(position);
    const t = position - floor;
    const s = 1 - t;
    starts[i] = floor - 1 + PAD;
    weights.set([s * s * s, 4 - 6 * t * t + 3 * t * t * t, 4 - 6 * s * s + 3 * s * s * s, t * t * t], 4 * i);
  }
  return {starts, weights};
}

/**
 * Enlarges one channel of a smooth map of the crop with a cubic spline, centers of pixels kept.
 *
 * @param from {values, channels, channel}: size × size × channels
 * @param to the same with side × side, written to
 * @param factors by which rows and columns are multiplied, or null
 */
function enlargeChannel(from, to, size, side, factors = null) {
  const {starts, weights} = places(size, side);
  const padded = size + 2 * PAD;
  const inside = (i) => Math.min(Math.max(i - PAD, 0), size - 1);
  // Samples of a row become rows here, so that all loops run along memory.
  const along = new Float64Array(padded * size);
  for (let i = 0; i < padded; i++) {
    for (let row = 0; row < size; row++) along[i * size + row] = from.values[(row * size + inside(i)) * from.channels + from.channel];
  }
  coefficients(along, padded, size);
  const down = new Float64Array(padded * side);
  for (let column = 0; column < side; column++) {
    const at = starts[column] * size;
    const [w0, w1, w2, w3] = weights.subarray(4 * column, 4 * column + 4);
    for (let i = 0; i < padded; i++) {
      const here = at + inside(i);
      down[i * side + column] = w0 * along[here] + w1 * along[here + size] + w2 * along[here + 2 * size] + w3 * along[here + 3 * size];
    }
  }
  coefficients(down, padded, side);
  for (let row = 0; row < side; row++) {
    const at = starts[row] * side;
    const [w0, w1, w2, w3] = weights.subarray(4 * row, 4 * row + 4);
    let out = row * side * to.channels + to.channel;
    for (let column = 0; column < side; column++, out += to.channels) {
      const here = at + column;
      const value = w0 * down[here] + w1 * down[here + side] + w2 * down[here + 2 * side] + w3 * down[here + 3 * side];
      to.values[out] = factors ? value * factors[row] * factors[column] : value;
    }
  }
}

/**
 * Enlarges a smooth map of the crop.
 *
 * @param values size × size
 * @returns Float32Array of side × side
 */
export function enlarge(values, size, side) {
  const out = new Float32Array(side * side);
  enlargeChannel({values, channels: 1, channel: 0}, {values: out, channels: 1, channel: 0}, size, side);
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
  const factors = fading ? fade(side) : null;
  const field = new Float32Array(4 * side * side);
  const content = new Float32Array(4 * side * side);
  const put = (array, channel, values, channels, from, by) =>
    enlargeChannel({values, channels, channel: from}, {values: array, channels: 4, channel}, size, side, by);
  for (const axis of [0, 1]) put(field, axis, displacement, 2, axis, factors);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) field[4 * (row * side + column) + 3] = fading ? factors[row] * factors[column] : 1;
  }
  if (alpha) {
    put(field, 2, blurred(alpha, size, size, ROUNDER), 1, 0, factors);
    const mouth = teeth ? outline(alpha, size) : null;
    if (mouth) drawn(field, 2, side, size, mouth, STEEPER);
    for (const channel of [0, 1, 2]) put(content, channel, color, 3, channel, null);
  }
  if (shading) put(content, 3, shading, 1, 0, factors);
  return {size, side, field, content, teeth: teeth ? {...teeth, lips: enlarge(teeth.shading, size, side)} : null};
}
