// Where a face is in a picture, to a fraction of a pixel: its upright picture is laid over the one of before (Lucas and Kanade 1981;
// inverse compositional, Baker and Matthews 2004). What a detector says of the eyes is right in the mean, but trembles.

import {alignedCrop} from './crop.js';
import {apply, compose, fromPairs, invert} from './geometry.js';

const SIDE = 64; // px of the upright picture
const MARGIN = 12; // px around it in which it may be found
const EYES = [[18, 22], [46, 22]];
const ROUNDS = 12;
const SETTLED = 0.01; // px
const ALIKE = 0.8; // the least correlation of one picture with the one of before
const RENEWED = 0.2; // how much of each new picture goes into the one that is looked for
const LEAST_TRUST = 0.05; // in a detector's eyes, once many of them were seen

// Brows to nose count: what is below moves when a face speaks.
const WEIGHTS = Float32Array.from({length: SIDE * SIDE}, (_, i) => {
  const [x, y] = [(i % SIDE - 32) / 20, (Math.floor(i / SIDE) - 26) / 15];
  return Math.exp(-0.5 * (x * x + y * y) ** 2);
});
const TOTAL = WEIGHTS.reduce((sum, weight) => sum + weight, 0);

/** The gray of an upright picture, with a margin. */
function upright(pixels, toUpright) {
  const side = SIDE + 2 * MARGIN;
  const color = alignedCrop(pixels, {...toUpright, x: toUpright.x + MARGIN, y: toUpright.y + MARGIN}, side, true);
  return Float32Array.from({length: side * side}, (_, i) => color[3 * i] + color[3 * i + 1] + color[3 * i + 2]);
}

/** Reads such a picture at SIDE × SIDE places, and brings it to mean 0 and deviation 1. */
function read(wide, moved) {
  const side = SIDE + 2 * MARGIN;
  const out = new Float32Array(SIDE * SIDE);
  let [sum, square] = [0, 0];
  for (let row = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      const x = Math.min(Math.max(moved.a * column - moved.b * row + moved.x + MARGIN, 0), side - 1.001);
      const y = Math.min(Math.max(moved.b * column + moved.a * row + moved.y + MARGIN, 0), side - 1.001);
      const [left, top] = [Math.floor(x), Math.floor(y)];
      const [s, t] = [x - left, y - top];
      const at = top * side + left;
      const value = (1 - t) * ((1 - s) * wide[at] + s * wide[at + 1]) + t * ((1 - s) * wide[at + side] + s * wide[at + side + 1]);
      const i = row * SIDE + column;
      out[i] = value;
      sum += WEIGHTS[i] * value;
      square += WEIGHTS[i] * value * value;
    }
  }
  const mean = sum / TOTAL;
  const deviation = Math.sqrt(Math.max(square / TOTAL - mean * mean, 1e-8));
  for (let i = 0; i < out.length; i++) out[i] = (out[i] - mean) / deviation;
  return out;
}

/** How a picture changes with the four numbers of a similarity about its middle, and the inverse of their squares. */
function slopes(picture) {
  const changes = Array.from({length: 4}, () => new Float32Array(SIDE * SIDE));
  const squares = Array.from({length: 4}, () => new Float64Array(4));
  for (let row = 1; row < SIDE - 1; row++) {
    for (let column = 1; column < SIDE - 1; column++) {
      const i = row * SIDE + column;
      const dx = (picture[i + 1] - picture[i - 1]) / 2;
      const dy = (picture[i + SIDE] - picture[i - SIDE]) / 2;
      const [x, y] = [column - SIDE / 2, row - SIDE / 2];
      const all = [dx * x + dy * y, dy * x - dx * y, dx, dy];
      for (let n = 0; n < 4; n++) {
        changes[n][i] = all[n];
        for (let m = 0; m <= n; m++) squares[n][m] += WEIGHTS[i] * all[n] * all[m];
      }
    }
  }
  return {changes, squares};
}

/** Solves four equations; `squares` has a symmetric matrix's lower half (Cholesky). */
function solve(squares, goal) {
  const lower = squares.map((row) => Float64Array.from(row));
  const out = Float64Array.from(goal);
  for (let n = 0; n < 4; n++) {
    for (let m = 0; m <= n; m++) {
      for (let k = 0; k < m; k++) lower[n][m] -= lower[n][k] * lower[m][k];
      lower[n][m] = n === m ? Math.sqrt(Math.max(lower[n][n], 1e-9)) : lower[n][m] / lower[m][m];
    }
    for (let k = 0; k < n; k++) out[n] -= lower[n][k] * out[k];
    out[n] /= lower[n][n];
  }
  for (let n = 3; n >= 0; n--) {
    for (let k = n + 1; k < 4; k++) out[n] -= lower[k][n] * out[k];
    out[n] /= lower[n][n];
  }
  return out;
}

/** The similarity by which `goal` is found in `wide`, and how alike they are then, in [-1, 1]. */
function laidOver(goal, wide) {
  const {changes, squares} = slopes(goal);
  let moved = {a: 1, b: 0, x: 0, y: 0};
  let found = read(wide, moved);
  for (let round = 0; round < ROUNDS; round++) {
    const sums = [0, 0, 0, 0];
    for (let i = 0; i < found.length; i++) {
      const error = WEIGHTS[i] * (found[i] - goal[i]);
      for (let n = 0; n < 4; n++) sums[n] += error * changes[n][i];
    }
    const [a, b, x, y] = solve(squares, sums);
    const middle = SIDE / 2;
    const step = {a: 1 + a, b, x: x - a * middle + b * middle, y: y - b * middle - a * middle};
    moved = compose(moved, invert(step));
    found = read(wide, moved);
    if (Math.hypot(x, y) + middle * Math.hypot(a, b) < SETTLED) break;
  }
  let alike = 0;
  for (let i = 0; i < found.length; i++) alike += WEIGHTS[i] * found[i] * goal[i];
  return {moved, found, alike: alike / TOTAL};
}

export class SteadyEyes {
  #goal = null; // the upright picture
  #count = 0; // of pictures in which it was found

  /**
   * @param pixels ImageData of the whole picture
   * @param seen what a detector says of the eyes, [[x, y], [x, y]], px
   * @returns where they are, px
   */
  next(pixels, seen) {
    const toUpright = fromPairs(seen, EYES);
    const wide = upright(pixels, toUpright);
    const laid = this.#goal && laidOver(this.#goal, wide);
    if (!laid || laid.alike < ALIKE) { // another face, or this one seen anew
      this.#goal = read(wide, {a: 1, b: 0, x: 0, y: 0});
      this.#count = 1;
      return seen;
    }
    this.#count += 1;
    const registered = EYES.map((eye) => apply(compose(invert(toUpright), laid.moved), eye));
    const trust = Math.max(1 / this.#count, LEAST_TRUST);
    const eyes = registered.map((eye, n) => eye.map((value, axis) => value + trust * (seen[n][axis] - value)));
    const found = read(wide, compose(toUpright, invert(fromPairs(eyes, EYES))));
    for (let i = 0; i < found.length; i++) this.#goal[i] += Math.max(trust, RENEWED) * (found[i] - this.#goal[i]);
    return eyes;
  }
}
