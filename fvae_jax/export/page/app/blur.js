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

/**
 * Blurs a picture of bytes as OpenCV does it: cut off at three deviations, with weights in steps of 1/256.
 *
 * @param bytes width × height × channels
 * @param deviation of the Gaussian, px
 * @returns Uint8Array of the same
 */
export function blurredBytes(bytes, width, height, channels, deviation) {
  const taps = wholeTaps(deviation);
  const reach = taps.length >> 1;
  const along = (from, out, lines, side, step, stride, bits) => {
    const places = Array.from({length: side + 2 * reach}, (_, i) => mirrored(i - reach, side) * stride);
    for (let n = 0; n < lines; n++) {
      for (let i = 0; i < side; i++) {
        for (let c = 0; c < channels; c++) {
          let total = 0;
          for (let k = 0; k < taps.length; k++) total += taps[k] * from[n * step + places[i + k] + c];
          out[n * step + i * stride + c] = (total + (1 << bits >> 1)) >> bits;
        }
      }
    }
    return out;
  };
  const row = width * channels;
  const across = along(bytes, new Uint16Array(bytes.length), height, width, row, channels, 0);
  return along(across, new Uint8Array(bytes.length), width, height, channels, row, 16); // both weights' bits taken away
}

/** Weights of a Gaussian, whose sum is 256; what is lost to rounding goes to the next one, and the rest to the middle. */
function wholeTaps(deviation) {
  const reach = (Math.round(6 * deviation + 1) | 1) >> 1;
  const weights = Array.from({length: 2 * reach + 1}, (_, k) => Math.exp(-0.5 * ((k - reach) / deviation) ** 2));
  const sum = weights.reduce((total, value) => total + value, 0);
  const taps = weights.map(() => 256);
  let rest = 0;
  for (let k = 0; k < reach; k++) {
    const exact = 256 * weights[k] / sum + rest;
    taps[k] = taps[2 * reach - k] = Math.round(exact);
    rest = exact - taps[k];
    taps[reach] -= 2 * taps[k];
  }
  return taps;
}
