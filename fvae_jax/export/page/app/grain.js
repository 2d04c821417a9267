// The grain of a photo, so that what is new in it does not look airbrushed.

import {apply, invert, scaled} from './geometry.js';

export const NOISE_SIDE = 256; // px: the tile of noise repeats

const AROUND = 20; // px on every side of content in which the photo's grain is measured
const LOUDEST = 0.03; // of [-1, 1]: what is stronger is no grain
const GRAIN = 1.5; // px: what is finer than this in a photo is grain
const STEEPER = 1.5;
const LARGEST = 1200; // px: of larger content, the middle is measured

const KERNEL = (() => {
  const half = Array.from({length: 7}, (_, i) => Math.exp(-0.5 * (i / GRAIN) ** 2));
  const sum = 2 * half.reduce((total, value) => total + value, 0) - half[0];
  return half.map((value) => value / sum);
})();

/** What a plane has beyond its blurred copy. `wrap` repeats it at its borders, which are mirrored else. */
function fine(values, width, height, wrap = false) {
  const place = (i, side) => {
    if (wrap) return (i + side) % side;
    const mirrored = i < 0 ? -i : i >= side ? 2 * side - 2 - i : i;
    return Math.min(Math.max(mirrored, 0), side - 1);
  };
  const blur = (from, count, side, step, stride) => {
    const out = new Float32Array(from.length);
    for (let row = 0; row < count; row++) {
      for (let i = 0; i < side; i++) {
        let sum = KERNEL[0] * from[row * step + i * stride];
        for (let k = 1; k < KERNEL.length; k++) {
          sum += KERNEL[k] * (from[row * step + place(i - k, side) * stride] + from[row * step + place(i + k, side) * stride]);
        }
        out[row * step + i * stride] = sum;
      }
    }
    return out;
  };
  const blurred = blur(blur(values, height, width, width, 1), width, height, 1, width);
  return values.map((value, i) => value - blurred[i]);
}

/** Fine noise of deviation 1, always the same, NOISE_SIDE × NOISE_SIDE. */
export function noiseTile() {
  let state = 1;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const noise = fine(Float32Array.from({length: NOISE_SIDE ** 2}, normal), NOISE_SIDE, NOISE_SIDE, true);
  const deviation = Math.sqrt(noise.reduce((sum, value) => sum + value * value, 0) / noise.length);
  return noise.map((value) => value / deviation);
}

/**
 * Where in a photo there is content, and its surroundings.
 *
 * @param refined of `renderer.refine`
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
    const start = Math.min(Math.max(Math.floor(middle - half), 0), side - 1);
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
  return alpha.map((value) => Math.min(Math.max(0.5 + STEEPER * (Math.min(Math.max(value, 0), 1) - 0.5), 0), 1));
}

/**
 * Measures grain around content.
 *
 * @param pixels ImageData
 * @param alpha of the same size, steepened
 * @returns {grain: deviation, of [-1, 1], light: 1 + mean}, as the shader takes them
 */
export function measure({width, height, data}, alpha) {
  const gray = new Float32Array(width * height);
  let sum = 0;
  for (let i = 0; i < gray.length; i++) {
    gray[i] = (data[4 * i] + data[4 * i + 1] + data[4 * i + 2]) / 382.5 - 1;
    sum += gray[i];
  }
  const light = Math.max(1 + sum / gray.length, 1e-6);
  const near = around(around(alpha.map((value) => Number(value > 0.5)), height, width, width, 1), width, height, 1, width);
  const bins = new Uint32Array(2000); // up to twice what can matter
  const loudest = 2 * 0.2533 * LOUDEST;
  let count = 0;
  fine(gray, width, height).forEach((value, i) => {
    if (!near[i] || alpha[i] > 0) return;
    count += 1;
    bins[Math.min(Math.floor(Math.abs(value) / loudest * (bins.length - 1)), bins.length - 1)] += 1;
  });
  if (count === 0) return {grain: 0, light};
  // A fifth of the values are below a quarter of the deviation of pure grain. Lips, teeth and stubble are above it.
  let below = 0;
  const bin = bins.findIndex((value) => (below += value) >= 0.2 * count);
  return {grain: Math.min((bin + 0.5) / (bins.length - 1) * loudest / 0.2533, LOUDEST), light};
}

/** 1 wherever there is a value within AROUND along a row. */
function around(values, count, side, step, stride) {
  const out = new Float32Array(values.length);
  for (let row = 0; row < count; row++) {
    let last = -Infinity;
    for (let i = 0; i < side; i++) {
      if (values[row * step + i * stride]) last = i;
      if (i - last <= AROUND) out[row * step + i * stride] = 1;
    }
    last = Infinity;
    for (let i = side - 1; i >= 0; i--) {
      if (values[row * step + i * stride]) last = i;
      if (last - i <= AROUND) out[row * step + i * stride] = 1;
    }
  }
  return out;
}
