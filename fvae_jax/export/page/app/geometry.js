// Similarities and boxes. Points are [x, y] in pixels; the center of the first pixel is (0, 0).
//
// A similarity {a, b, x, y} takes p to (a p.x − b p.y + x, b p.x + a p.y + y).

import {clip} from './numbers.js';

/** The similarity that takes two points to two others. */
export function fromPairs([[x0, y0], [x1, y1]], [[u0, v0], [u1, v1]]) {
  const dx = x1 - x0;
  const dy = y1 - y0;
  const du = u1 - u0;
  const dv = v1 - v0;
  const square = dx * dx + dy * dy;
  const a = (du * dx + dv * dy) / square;
  const b = (dv * dx - du * dy) / square;
  return {a, b, x: u0 - a * x0 + b * y0, y: v0 - b * x0 - a * y0};
}

export function apply({a, b, x, y}, [px, py]) {
  return [a * px - b * py + x, b * px + a * py + y];
}

export function invert({a, b, x, y}) {
  const square = a * a + b * b;
  const c = a / square;
  const d = -b / square;
  return {a: c, b: d, x: -(c * x - d * y), y: -(d * x + c * y)};
}

/** First `first`, then `second`. */
export function compose(second, first) {
  const [x, y] = apply(second, [first.x, first.y]);
  return {a: second.a * first.a - second.b * first.b, b: second.b * first.a + second.a * first.b, x, y};
}

/** The similarity to the same picture with `ratio` times as many pixels a side; centers of pixels are whole numbers. */
export function scaled({a, b, x, y}, ratio) {
  const shift = (ratio - 1) / 2;
  return {a: ratio * a, b: ratio * b, x: ratio * x + shift, y: ratio * y + shift};
}

/** How many pixels of the goal a pixel of the start is wide. */
export function scaleOf({a, b}) {
  return Math.hypot(a, b);
}

/**
 * The pixels of a photo whose centers lie in a crop.
 *
 * @param toCrop similarity, photo px to crop px
 * @param size side of the crop, px
 * @returns {x, y, width, height}, whole pixels inside the photo
 */
export function faceBox(toCrop, size, photoWidth, photoHeight) {
  const back = invert(toCrop);
  const ends = [-0.5, size - 0.5];
  const corners = ends.flatMap((x) => ends.map((y) => apply(back, [x, y])));
  const inside = (value, side) => clip(value, 0, side);
  const along = (axis, side) => {
    const values = corners.map((corner) => corner[axis]);
    return [inside(Math.ceil(Math.min(...values)), side), inside(Math.floor(Math.max(...values)) + 1, side)];
  };
  const [x0, x1] = along(0, photoWidth);
  const [y0, y1] = along(1, photoHeight);
  return {x: x0, y: y0, width: Math.max(x1 - x0, 0), height: Math.max(y1 - y0, 0)};
}

/** Box `box` with `margin` more pixels on every side, inside the photo. */
export function grown(box, margin, photoWidth, photoHeight) {
  const x = Math.max(box.x - margin, 0);
  const y = Math.max(box.y - margin, 0);
  return {
    x,
    y,
    width: Math.min(box.x + box.width + margin, photoWidth) - x,
    height: Math.min(box.y + box.height + margin, photoHeight) - y,
  };
}

/** The sample inside a line of `side` that stands for one a little beyond its ends, in a mirror at the outermost one. */
export function mirrored(i, side) {
  const inside = i < 0 ? -i : i >= side ? 2 * side - 2 - i : i;
  return clip(inside, 0, side - 1);
}
