// Mixing two pictures band by band of a Laplacian pyramid (Burt and Adelson, 1983).
//
// A picture is {width, height, planes: [Float32Array …]}.

import {mirrored} from './geometry.js';

const COARSEST = 8; // px of side of the coarsest band

/** Filters along one axis: sample i of the result is Σ weight · from[start(i) + k]. */
function along(plane, {count, from, to, inStep, inStride, outStep, outStride}, taps) {
  const out = new Float32Array(count * to);
  for (let i = 0; i < to; i++) {
    const [start, weights] = taps(i);
    const places = weights.map((_, k) => mirrored(start + k, from) * inStride);
    for (let row = 0; row < count; row++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k] * plane[row * inStep + places[k]];
      out[row * outStep + i * outStride] = sum;
    }
  }
  return out;
}

function resampled(plane, width, height, toWidth, toHeight, taps) {
  const wide = along(plane, {count: height, from: width, to: toWidth, inStep: width, inStride: 1, outStep: toWidth, outStride: 1}, taps);
  return along(wide, {count: toWidth, from: height, to: toHeight, inStep: 1, inStride: toWidth, outStep: 1, outStride: toWidth}, taps);
}

const DOWN = [1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16];
const EVEN = [1 / 8, 6 / 8, 1 / 8];
const ODD = [1 / 2, 1 / 2];
const SOFT = [-4, -3, -2, -1, 0, 1, 2, 3, 4].map((x) => Math.exp(-x * x / 2));
const SOFT_SUM = SOFT.reduce((total, value) => total + value, 0);
const SOFTER = SOFT.map((value) => value / SOFT_SUM);

const halved = ({width, height, planes}) => {
  const [w, h] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  return {width: w, height: h, planes: planes.map((plane) => resampled(plane, width, height, w, h, (i) => [2 * i - 2, DOWN]))};
};
const doubled = ({width, height, planes}, w, h) => planes.map((plane) =>
  resampled(plane, width, height, w, h, (i) => (i % 2 ? [(i - 1) / 2, ODD] : [i / 2 - 1, EVEN])));

/**
 * Mixes two pictures: the coarsest band by the weight, finer ones also by how much each picture has there, since the
 * mean of two pictures that do not quite agree is blurred.
 *
 * @param first, second pictures of one size
 * @param weight a picture of one plane in [0, 1], of the second; where it is 0 or 1 all over, that picture exactly
 * @returns the planes of the mix
 */
export function mix(first, second, weight) {
  const {width, height} = first;
  const [share] = weight.planes;
  const faded = first.planes.map((plane, c) => plane.map((value, i) => (1 - share[i]) * value + share[i] * second.planes[c][i]));
  if (Math.min(width, height) < 2 * COARSEST) return faded;
  const coarse = [halved(first), halved(second)];
  const below = halved(weight);
  const bands = [first, second].map((picture, n) => {
    const low = doubled(coarse[n], width, height);
    return picture.planes.map((plane, c) => plane.map((value, i) => value - low[c][i]));
  });
  const detail = bands.map((band) => {
    const square = band[0].map((_, i) => (band[0][i] ** 2 + band[1][i] ** 2 + band[2][i] ** 2) / 3);
    return resampled(square, width, height, width, height, (i) => [i - 4, SOFTER]);
  });
  const low = mix(...coarse, below);
  const {planes: [under]} = below;
  const correction = doubled({
    width: below.width,
    height: below.height,
    planes: low.map((plane, c) => plane.map((value, i) =>
      value - ((1 - under[i]) * coarse[0].planes[c][i] + under[i] * coarse[1].planes[c][i]))),
  }, width, height);
  return faded.map((plane, c) => plane.map((value, i) => {
    const [one, other] = [(1 - share[i]) * (detail[0][i] + 1e-6), share[i] * (detail[1][i] + 1e-6)];
    return value + (other / (one + other) - share[i]) * (bands[1][c][i] - bands[0][c][i]) + correction[c][i];
  }));
}
