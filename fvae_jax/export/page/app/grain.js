// The grain of a photo, so that what is new in it does not look airbrushed.

import {blurred} from './blur.js';

export const NOISE_SIDE = 256; // px: the tile of noise repeats

export const AROUND = 20; // px on every side of content in which the photo's grain is measured
const LOUDEST = 0.03; // of [-1, 1]: what is stronger is no grain
const GRAIN = 1.5; // px: what is finer than this in a photo is grain

/** What a plane has beyond its blurred copy; see `blurred`. */
function fine(values, width, height, place) {
  const coarse = blurred(values, width, height, GRAIN, place);
  return values.map((value, i) => value - coarse[i]);
}

/** Fine noise of deviation 1, always the same, NOISE_SIDE × NOISE_SIDE. */
export function noiseTile() {
  let state = 1;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const noise = fine(Float32Array.from({length: NOISE_SIDE ** 2}, normal), NOISE_SIDE, NOISE_SIDE, (i, side) => (i + side) % side);
  const deviation = Math.sqrt(noise.reduce((sum, value) => sum + value * value, 0) / noise.length);
  return noise.map((value) => value / deviation);
}

/**
 * Measures grain around content.
 *
 * @param pixels ImageData
 * @param alpha of the same size, of `content.steepened`
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
