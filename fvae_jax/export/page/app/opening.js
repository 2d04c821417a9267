// The outline of a mouth that opens, finer than the pixels that a network tells it in; as editing/opening.py has it.

import {clip} from './numbers.js';
import {largestPatch} from './patches.js';

const OPEN = 0.5; // alpha from which a pixel belongs to an opening
const ENDS = 0.15; // of the width of an opening: over which its edges are taken for straight on their way to a corner
const FARTHEST = 2; // px by which they are led on, at most
const [SHARP, ROUND] = [2.5, 5]; // px: an opening less high than the first at its ends has corners, one higher has none
const [FLAT, TALL] = [0.3, 0.55]; // heights to a width: the same of openings that are flat, and of tall ones
const BLUNT = 0.5; // of its height there, at the very end of an opening without corners
const STEP = 0.25; // px between points of the lines
const SMOOTH = 0.6; // px over which they are smoothed
const SOFT = 0.35; // px over which an edge is seen to end

/** The value at x of lines between points, `xs` ascending; beyond them that of the first or last. */
export function interpolated(x, xs, values) {
  const last = xs.length - 1;
  if (x <= xs[0]) return values[0];
  if (x >= xs[last]) return values[last];
  let [low, high] = [0, last];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= x) low = middle;
    else high = middle;
  }
  return values[low] + (values[high] - values[low]) * (x - xs[low]) / (xs[high] - xs[low]);
}

/** A line smoothed by a Gaussian as SciPy does it, its ends repeated. */
export function smoothed(line, deviation) {
  const reach = Math.trunc(4 * deviation + 0.5);
  const weights = Array.from({length: reach + 1}, (_, k) => Math.exp(-0.5 * (k / deviation) ** 2));
  const sum = 2 * weights.reduce((total, weight) => total + weight, 0) - weights[0];
  return line.map((_, i) => {
    let total = 0;
    for (let k = -reach; k <= reach; k++) total += weights[Math.abs(k)] * line[clip(i + k, 0, line.length - 1)];
    return total / sum;
  });
}

/**
 * The outline of the largest patch of a map.
 *
 * @param alpha size × size in [0, 1]
 * @returns {x: columns from one corner to the other, top, bottom: rows of the edges, surest: the largest alpha within}; null where
 *   the patch is less than three columns wide
 */
export function outline(alpha, size) {
  const patch = largestPatch(alpha, size, OPEN);
  const rows = new Map();
  for (const i of patch) {
    const [x, y] = [i % size, Math.floor(i / size)];
    const [first, last] = rows.get(x) ?? [y, y];
    rows.set(x, [Math.min(first, y), Math.max(last, y)]);
  }
  const columns = [...rows.keys()].sort((a, b) => a - b);
  if (columns.length < 3) return null;
  const beyond = (x, row, step) => {
    const inside = alpha[row * size + x];
    const outside = alpha[clip(row + step, 0, size - 1) * size + x];
    return step * clip((inside - OPEN) / Math.max(inside - outside, 1e-6), 0, 1);
  };
  const top = columns.map((x) => rows.get(x)[0] + beyond(x, rows.get(x)[0], -1));
  const bottom = columns.map((x) => rows.get(x)[1] + beyond(x, rows.get(x)[1], 1));
  const inner = Math.max(1, Math.round(ENDS * columns.length));
  const highest = top.reduce((most, row, n) => Math.max(most, bottom[n] - row), 0);
  const flat = clip((TALL - highest / columns.length) / (TALL - FLAT), 0, 1);
  const left = end(top, bottom, inner, flat);
  const right = end(top.toReversed(), bottom.toReversed(), inner, flat);
  const xs = [columns[0] - left.far, ...columns, columns.at(-1) + right.far];
  const x = Array.from({length: Math.ceil((xs.at(-1) + STEP / 2 - xs[0]) / STEP)}, (_, n) => xs[0] + n * STEP);
  const line = (first, edge, last) => smoothed(x.map((at) => interpolated(at, xs, [first, ...edge, last])), SMOOTH / STEP);
  const surest = patch.reduce((most, i) => Math.max(most, alpha[i]), 0);
  return {x, top: line(left.top, top, right.top), bottom: line(left.bottom, bottom, right.bottom), surest};
}

/** How far before its first column an opening ends, and its edges there, if they go on as they come. */
function end(top, bottom, inner, flat) {
  const height = bottom[0] - top[0];
  const closing = (bottom[inner] - top[inner] - height) / inner; // px a column
  const sharp = flat * clip((ROUND - height) / (ROUND - SHARP), 0, 1);
  const farthest = closing <= 0 ? FARTHEST : Math.min(height / closing, FARTHEST);
  const far = 0.5 + sharp * Math.max(farthest - 0.5, 0);
  const middle = (n) => (top[n] + bottom[n]) / 2;
  const row = middle(0) + sharp * far * (middle(0) - middle(inner)) / inner;
  const half = (1 - sharp) * BLUNT * height / 2;
  return {far, top: row - half, bottom: row + half};
}

/** How far inside of an outline a place is, px: a function of its column that gives one of its row. */
function depths({x, top, bottom}) {
  const slope = (edge) => edge.map((_, n) => {
    const [low, high] = [Math.max(n - 1, 0), Math.min(n + 1, edge.length - 1)];
    return Math.hypot(1, (edge[high] - edge[low]) / (x[high] - x[low]));
  });
  const lines = [top, bottom, slope(top), slope(bottom)];
  return (column) => {
    const [upper, lower, one, other] = lines.map((line) => interpolated(column, x, line));
    const aside = Math.min(column - x[0], x.at(-1) - column);
    return (row) => Math.min((row - upper) / one, (lower - row) / other, aside);
  };
}

/**
 * Draws an outline into a finer map, over what is there.
 *
 * @param map side × side × 4, of which `channel` is an alpha that is made steeper when it is shown
 * @param lips as `outline` gives them
 * @param steeper by how much
 */
export function drawn(map, channel, side, size, lips, steeper) {
  const {x, top, bottom} = lips;
  const pixel = size / side;
  const inside = depths(lips);
  const fine = (place) => (place + 0.5) / pixel - 0.5;
  const [firstRow, lastRow] = [Math.floor(fine(Math.min(...top))) - 1, Math.ceil(fine(Math.max(...bottom))) + 1];
  for (let column = Math.max(Math.floor(fine(x[0])), 0); column <= Math.min(Math.ceil(fine(x.at(-1))), side - 1); column++) {
    const depth = inside((column + 0.5) * pixel - 0.5);
    for (let row = Math.max(firstRow, 0); row <= Math.min(lastRow, side - 1); row++) {
      const within = depth((row + 0.5) * pixel - 0.5) / Math.max(SOFT, pixel);
      if (within <= -0.5) continue;
      const i = 4 * (row * side + column) + channel;
      map[i] = Math.max(map[i], 0.5 + Math.min(within, 0.5) / steeper);
    }
  }
}

/** How much of each pixel of a crop lies within an outline of its px, Float32Array of side × side in [0, 1]. */
export function maskOf(lips, side) {
  const mask = new Float32Array(side * side);
  const inside = depths(lips);
  const {x, top, bottom} = lips;
  const [first, last] = [Math.floor(Math.min(...top)) - 2, Math.ceil(Math.max(...bottom)) + 2];
  for (let column = Math.max(Math.floor(x[0]) - 2, 0); column < Math.min(Math.ceil(x.at(-1)) + 3, side); column++) {
    const depth = inside(column);
    for (let row = Math.max(first, 0); row <= Math.min(last, side - 1); row++) mask[row * side + column] = clip(depth(row) + 0.5, 0, 1);
  }
  return mask;
}
