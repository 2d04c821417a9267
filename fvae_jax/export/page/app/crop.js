// The aligned crop that the networks see, made as the package makes it: bicubic, then averaged where it reduces.

import {scaled, scaleOf, invert} from './geometry.js';

const SHARPNESS = -0.75; // of the bicubic kernel, as OpenCV has it

/** Weights of the four neighbors of a position, `t` past the second, into `weights`. */
function bicubic(t, weights) {
  const a = SHARPNESS;
  const near = (d) => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d) => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  weights[0] = far(1 + t);
  weights[1] = near(t);
  weights[2] = near(1 - t);
  weights[3] = 1 - weights[0] - weights[1] - weights[2];
}

/**
 * Resamples a part of a photo to an aligned crop.
 *
 * @param pixels ImageData of the part
 * @param toCrop similarity, px of the part to crop px
 * @param size side of the crop, px
 * @param quick whether samples are bilinear, which serves where several are averaged
 * @returns Float32Array of size × size × 3, RGB in [-1, 1]
 */
export function alignedCrop({width, height, data}, toCrop, size, quick = false) {
  const finer = Math.max(1, Math.ceil(1 / scaleOf(toCrop) - 1e-6));
  const {a, b, x: x0, y: y0} = invert(scaled(toCrop, finer));
  const side = size * finer;
  const sums = new Float32Array(size * size * 3);
  const [wx, wy] = [new Float64Array(4), new Float64Array(4)];
  const columns = new Int32Array(4);
  const byte = (value) => Math.min(Math.max(Math.round(value), 0), 255);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const x = a * column - b * row + x0;
      const y = b * column + a * row + y0;
      const left = Math.floor(x);
      const top = Math.floor(y);
      if (quick) {
        const [s, t] = [x - left, y - top];
        const [x0, x1] = [4 * Math.min(Math.max(left, 0), width - 1), 4 * Math.min(Math.max(left + 1, 0), width - 1)];
        const [y0, y1] = [4 * width * Math.min(Math.max(top, 0), height - 1), 4 * width * Math.min(Math.max(top + 1, 0), height - 1)];
        const at = 3 * (Math.floor(row / finer) * size + Math.floor(column / finer));
        for (let c = 0; c < 3; c++) {
          sums[at + c] += (1 - t) * ((1 - s) * data[y0 + x0 + c] + s * data[y0 + x1 + c])
            + t * ((1 - s) * data[y1 + x0 + c] + s * data[y1 + x1 + c]);
        }
        continue;
      }
      bicubic(x - left, wx);
      bicubic(y - top, wy);
      for (let i = 0; i < 4; i++) columns[i] = 4 * Math.min(Math.max(left - 1 + i, 0), width - 1);
      let [red, green, blue] = [0, 0, 0];
      for (let j = 0; j < 4; j++) {
        const line = 4 * width * Math.min(Math.max(top - 1 + j, 0), height - 1);
        for (let i = 0; i < 4; i++) {
          const weight = wy[j] * wx[i];
          const at = line + columns[i];
          red += weight * data[at];
          green += weight * data[at + 1];
          blue += weight * data[at + 2];
        }
      }
      const to = 3 * (Math.floor(row / finer) * size + Math.floor(column / finer));
      sums[to] += byte(red);
      sums[to + 1] += byte(green);
      sums[to + 2] += byte(blue);
    }
  }
  return sums.map((sum) => byte(sum / (finer * finer)) / 127.5 - 1);
}
