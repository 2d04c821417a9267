// Where what is new lies in a photo.

import {apply, invert, scaled} from './geometry.js';
import {AROUND} from './grain.js';
import {clip} from './numbers.js';

export const STEEPER = 3; // as the shader has it
const LARGEST = 1200; // px: of larger content, the middle is measured

/**
 * The box of all content, with the surroundings in which grain is measured.
 *
 * @param refined of `spline.refine`
 * @param toCrop similarity, photo px to crop px
 * @returns {x, y, width, height}, whole px inside the photo, or null without content
 */
export function contentBox({field, side, size}, toCrop, {width, height}) {
  const back = invert(scaled(toCrop, side / size));
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < side * side; i++) {
    if (field[4 * i + 2] <= 0.5 - 0.5 / STEEPER) continue;
    const [x, y] = apply(back, [i % side, Math.floor(i / side)]);
    [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)];
  }
  if (x0 > x1) return null;
  const along = (low, high, side) => {
    const middle = (low + high) / 2;
    const half = Math.min((high - low) / 2 + AROUND, LARGEST / 2);
    const start = clip(Math.floor(middle - half), 0, side - 1);
    return [start, Math.min(Math.ceil(middle + half) + 1, side) - start];
  };
  const [x, boxWidth] = along(x0, x1, width);
  const [y, boxHeight] = along(y0, y1, height);
  return {x, y, width: Math.max(boxWidth, 1), height: Math.max(boxHeight, 1)};
}

/** A map of the refined crop at pixels of a photo, bilinear: `channel` of four, for `box`. */
export function carried(map, channel, {side, size}, toCrop, box) {
  const {a, b, x: x0, y: y0} = scaled(toCrop, side / size);
  const out = new Float32Array(box.width * box.height);
  const read = (column, row) => (column < 0 || row < 0 || column >= side || row >= side ? 0 : map[4 * (row * side + column) + channel]);
  for (let row = 0; row < box.height; row++) {
    for (let column = 0; column < box.width; column++) {
      const [px, py] = [column + box.x, row + box.y];
      const u = a * px - b * py + x0;
      const v = b * px + a * py + y0;
      const [left, top] = [Math.floor(u), Math.floor(v)];
      const [s, t] = [u - left, v - top];
      out[row * box.width + column] = (1 - t) * ((1 - s) * read(left, top) + s * read(left + 1, top))
        + t * ((1 - s) * read(left, top + 1) + s * read(left + 1, top + 1));
    }
  }
  return out;
}

/** Narrows the ramps of an enlarged alpha about their middle. */
export function steepened(alpha) {
  return alpha.map((value) => clip(0.5 + STEEPER * (clip(value, 0, 1) - 0.5), 0, 1));
}
