// Which pixels belong together: colors as mixtures of Gaussians, edges by a minimal cut (GrabCut: Rother et al. 2004).

import {minimalCut} from './graph.js';

export const [BACKGROUND, FOREGROUND, PERHAPS_BACKGROUND, PERHAPS_FOREGROUND] = [0, 1, 2, 3];

const PARTS = 5; // Gaussians of a mixture
const KMEANS = 10; // rounds, to begin with
const SMOOTH = 50; // what an edge costs where colors are alike
const SURE = 9 * SMOOTH; // what contradicting a mark costs
const NEIGHBORS = [[-1, 0], [-1, -1], [0, -1], [1, -1]]; // each pair of pixels once

/**
 * Divides a picture.
 *
 * @param pixels width × height × 3, of 255
 * @param marks of every pixel, one of the four above
 * @param rounds how often colors are learned and edges found
 * @returns Uint8Array: 1 where the foreground is
 */
export function divide(pixels, width, height, marks, rounds) {
  const inside = Uint8Array.from(marks, (mark) => Number(mark === FOREGROUND || mark === PERHAPS_FOREGROUND));
  const edges = edgesOf(pixels, width, height);
  let mixtures = [0, 1].map((side) => firstMixture(pixels, inside, side));
  for (let round = 0; round < rounds; round++) {
    mixtures = mixtures.map((mixture, side) => learned(pixels, inside, side, (i) => mixture.likeliest(pixels, i)));
    const costs = [0, 1].map((side) => Float64Array.from(marks, (mark, i) => {
      if (mark === BACKGROUND) return side ? SURE : 0;
      if (mark === FOREGROUND) return side ? 0 : SURE;
      return mixtures[side].cost(pixels, i);
    }));
    // What a pixel pays for a side it is on: those of the source are in the foreground.
    const cut = minimalCut(width * height, edges, costs[0], costs[1]);
    marks.forEach((mark, i) => {
      inside[i] = mark === FOREGROUND ? 1 : mark === BACKGROUND ? 0 : cut[i];
    });
  }
  return inside;
}

/** Pairs of neighbors and what parting them costs: {from, to, weights}. */
function edgesOf(pixels, width, height) {
  const [from, to, apart, far] = [[], [], [], []];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (const [dx, dy] of NEIGHBORS) {
        const [u, v] = [x + dx, y + dy];
        if (u < 0 || v < 0 || u >= width) continue;
        const [one, other] = [y * width + x, v * width + u];
        from.push(one);
        to.push(other);
        apart.push([0, 1, 2].reduce((sum, c) => sum + (pixels[3 * one + c] - pixels[3 * other + c]) ** 2, 0));
        far.push(Math.hypot(dx, dy));
      }
    }
  }
  const usual = apart.reduce((sum, value) => sum + value, 0) / apart.length;
  const beta = usual > 0 ? 1 / (2 * usual) : 0;
  return {from, to, weights: apart.map((value, n) => SMOOTH / far[n] * Math.exp(-beta * value))};
}

/** The mixture of a side's pixels, in groups that k-means finds; it starts from groups of brightness. */
function firstMixture(pixels, inside, side) {
  const mine = [];
  inside.forEach((value, i) => { if (value === side) mine.push(i); });
  const light = (i) => pixels[3 * i] + pixels[3 * i + 1] + pixels[3 * i + 2];
  const order = [...mine].sort((one, other) => light(one) - light(other));
  const group = new Int8Array(inside.length);
  order.forEach((i, n) => { group[i] = Math.floor(n * PARTS / order.length); });
  for (let round = 0; round < KMEANS; round++) {
    const sums = Array.from({length: PARTS}, () => [0, 0, 0, 0]);
    for (const i of mine) {
      const sum = sums[group[i]];
      for (const c of [0, 1, 2]) sum[c] += pixels[3 * i + c];
      sum[3] += 1;
    }
    const middles = sums.map(([r, g, b, count]) => (count ? [r / count, g / count, b / count] : null));
    for (const i of mine) {
      let nearest = Infinity;
      middles.forEach((middle, n) => {
        if (!middle) return;
        const distance = [0, 1, 2].reduce((sum, c) => sum + (pixels[3 * i + c] - middle[c]) ** 2, 0);
        if (distance < nearest) [nearest, group[i]] = [distance, n];
      });
    }
  }
  return learned(pixels, inside, side, (i) => group[i]);
}

/** The mixture of a side's pixels, each of which belongs to one part. */
function learned(pixels, inside, side, partOf) {
  const sums = Array.from({length: PARTS}, () => ({count: 0, sum: [0, 0, 0], squares: new Float64Array(9)}));
  let total = 0;
  inside.forEach((value, i) => {
    if (value !== side) return;
    const part = sums[partOf(i)];
    const color = pixels.subarray(3 * i, 3 * i + 3);
    part.count += 1;
    total += 1;
    for (let r = 0; r < 3; r++) {
      part.sum[r] += color[r];
      for (let c = 0; c < 3; c++) part.squares[3 * r + c] += color[r] * color[c];
    }
  });
  return mixtureOf(sums.filter(({count}) => count).map(({count, sum, squares}) => {
    const middle = sum.map((value) => value / count);
    const spread = squares.map((value, n) => value / count - middle[Math.floor(n / 3)] * middle[n % 3]);
    if (determinant(spread) <= 1e-6) for (const n of [0, 4, 8]) spread[n] += 0.01;
    return {middle, inverse: inverse(spread), peak: 1 / Math.sqrt(determinant(spread)), share: count / total};
  }));
}

function mixtureOf(parts) {
  const density = ({middle, inverse: m, peak}, pixels, i) => {
    const [x, y, z] = [pixels[3 * i] - middle[0], pixels[3 * i + 1] - middle[1], pixels[3 * i + 2] - middle[2]];
    const square = x * (x * m[0] + y * m[3] + z * m[6]) + y * (x * m[1] + y * m[4] + z * m[7]) + z * (x * m[2] + y * m[5] + z * m[8]);
    return peak * Math.exp(-0.5 * square);
  };
  return {
    cost: (pixels, i) => Math.min(-Math.log(parts.reduce((sum, part) => sum + part.share * density(part, pixels, i), 0)), SURE),
    likeliest: (pixels, i) => {
      const found = parts.map((part) => density(part, pixels, i));
      return found.indexOf(Math.max(...found));
    },
  };
}

function determinant(m) {
  return m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6]);
}

function inverse(m) {
  const minors = [
    m[4] * m[8] - m[5] * m[7], m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
    m[5] * m[6] - m[3] * m[8], m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
    m[3] * m[7] - m[4] * m[6], m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3],
  ];
  return minors.map((value) => value / determinant(m));
}
