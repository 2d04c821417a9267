// Blurring by a Gaussian, as OpenCV does it.

import {mirrored} from './geometry.js';

/**
 * Blurs a plane.
 *
 * @param values width × height
 * @param deviation of the Gaussian, px
 * @param place which sample of a line of `side` stands for one beyond its ends
 * @returns Float32Array of width × height
 */
export function blurred(values, width, height, deviation, place = mirrored) {
  const reach = (Math.round(8 * deviation + 1) | 1) >> 1;
  const half = Array.from({length: reach + 1}, (_, k) => Math.exp(-0.5 * (k / deviation) ** 2));
  const sum = 2 * half.reduce((total, value) => total + value, 0) - half[0];
  const taps = half.map((value) => value / sum);
  const along = (from, lines, side, step, stride) => {
    const out = new Float32Array(from.length);
    const line = new Float32Array(side + 2 * reach);
    for (let n = 0; n < lines; n++) {
      for (let i = 0; i < line.length; i++) line[i] = from[n * step + place(i - reach, side) * stride];
      for (let i = 0; i < side; i++) {
        let total = taps[0] * line[i + reach];
        for (let k = 1; k <= reach; k++) total += taps[k] * (line[i + reach - k] + line[i + reach + k]);
        out[n * step + i * stride] = total;
      }
    }
    return out;
  };
  return along(along(values, height, width, width, 1), width, height, 1, width);
}
