// Lips that part: the edges of an opening are the edges of the lips; as editing/parting.py has it.

import {blurred} from './blur.js';
import {between, clip, mean} from './numbers.js';
import {interpolated, outline, smoothed} from './opening.js';

const MOUTH = 0.45; // eye distances below the eyes: what opens above is none
const REACH = 0.35; // eye distances over which what is around follows the edges of the lips
const ENDS = 0.1; // the same beyond the corners of the mouth
const LINE = 0.012; // eye distances from the middle of the line to where lips are as light as elsewhere
const AROUND = 0.09; // eye distances above and below the line within which lips are lighter than it
const DOUBT = 0.06; // eye distances by which a flow may miss the line
const SOFT = 0.05; // eye distances over which lines are smoothed along the mouth
const OPENS = [0.02, 0.08]; // eye distances: how high an opening is that parts lips not at all, and altogether
const SURE = [0.5, 0.75]; // of alpha: where the network is no surer than the first, nothing opens
const SLIT = [0.1, 0.3]; // of a face's own opening: what is nothing, and what lies between its lips
const APART = [0.02, 0.04]; // squared eye distances of it: lips that meet, and those that are apart already
const [WITHIN, SMOOTHER] = [2, 0.7]; // px by which edges of lips go on within an opening, and over which a pull is smoothed
const STEP = 0.25; // px of the crop, of the rows in which the line is sought
const [BENDS, ASIDE, OUTSIDE] = [0.03, 0.05, 10]; // what counts against a place for the line
const STEEPEST = 2; // steps from one column to the next

const smooth = (share) => ((at) => at * at * (3 - 2 * at))(clip(share, 0, 1));

/**
 * Leads the flow around an opening to the line on which the lips meet.
 *
 * @param displacement of an edit, size × size × 2, px of the crop
 * @param alpha the opening of that edit
 * @param face {crop: size × size × 3 in [-1, 1], slit: its own opening, or null where nobody has looked}
 * @param model with size and goals
 * @returns the displacement, another one where a mouth opens
 */
export function parted(displacement, alpha, {crop, slit}, {size, goals}) {
  const lips = slit && outline(alpha, size);
  const distance = goals[1][0] - goals[0][0];
  if (!lips || mean(lips.top) < goals[0][1] + 0.5 + MOUTH * distance) return displacement;
  const {x: columns, top, bottom, surest} = lips;
  const highest = top.reduce((most, row, n) => Math.max(most, bottom[n] - row), 0);
  const apart = slit.filter((value) => value > SLIT[1]).length / distance ** 2;
  const share = between(highest / distance, OPENS) * between(surest, SURE) * (1 - between(apart, APART));
  if (share === 0) return displacement;
  const read = bilinear(displacement, size);
  const upper = top.map((row, n) => row + read(columns[n], row, 1));
  const lower = bottom.map((row, n) => row + read(columns[n], row, 1));
  const x = columns.map((column, n) => column + read(column, (top[n] + bottom[n]) / 2, 0));
  // A line is sought column by column.
  const some = columns.flatMap((_, n) => (n % Math.round(1 / (columns[1] - columns[0])) === 0 ? [n] : []));
  const found = lineOf(crop, size, ...[x, upper, lower].map((values) => some.map((n) => values[n])), distance);
  const there = some.map((n) => columns[n]);
  const line = columns.map((column) => interpolated(column, there, found));
  const open = Array.from({length: size}, (_, column) => {
    let sum = 0;
    for (let row = 0; row < size; row++) sum += between(slit[row * size + column], SLIT);
    return sum;
  });
  const everywhere = open.map((_, n) => n);
  const gap = x.map((at) => LINE * distance + interpolated(at, everywhere, open) / 2);
  const soft = SOFT * distance / (columns[1] - columns[0]);
  const down = smoothed(line.map((row, n) => row - gap[n] - upper[n]), soft);
  const up = smoothed(line.map((row, n) => row + gap[n] - lower[n]), soft);
  const pull = new Float32Array(size * size);
  for (let column = 0; column < size; column++) {
    const ends = smooth(1 - Math.max(columns[0] - column, column - columns.at(-1)) / (ENDS * distance));
    if (ends === 0) continue;
    const [first, last, comesDown, comesUp] = [top, bottom, down, up].map((values) => interpolated(column, columns, values));
    const within = Math.min(WITHIN, (last - first) / 3);
    for (let row = 0; row < size; row++) {
      const [above, below] = [first - row, row - last].map((far) => smooth(1 - far / (REACH * distance)));
      const lowerShare = clip((row - first - within) / Math.max(last - first - 2 * within, 1e-3), 0, 1);
      pull[row * size + column] = share * ends * ((1 - lowerShare) * comesDown * above + lowerShare * comesUp * below);
    }
  }
  const even = blurred(pull, size, size, SMOOTHER);
  return displacement.map((value, i) => (i % 2 ? value + even[(i - 1) / 2] : value));
}

/** Reads one axis of a field between its pixels. */
function bilinear(field, size) {
  const last = size - 1;
  return (x, y, axis) => {
    const [u, v] = [clip(x, 0, last), clip(y, 0, last)];
    const [left, above] = [Math.min(Math.floor(u), last - 1), Math.min(Math.floor(v), last - 1)];
    const [s, t] = [u - left, v - above];
    const at = (column, row) => field[2 * (row * size + column) + axis];
    return (1 - t) * ((1 - s) * at(left, above) + s * at(left + 1, above))
      + t * ((1 - s) * at(left, above + 1) + s * at(left + 1, above + 1));
  };
}

/** The rows on which lips meet: the smoothest deep valley of light, by dynamic programming. */
function lineOf(crop, size, xs, upper, lower, distance) {
  const light = Float32Array.from({length: size * size}, (_, i) =>
    Math.log((0.299 * (crop[3 * i] + 1) + 0.587 * (crop[3 * i + 1] + 1) + 0.114 * (crop[3 * i + 2] + 1)) / 2 + 0.02));
  const around = AROUND * distance;
  const start = Math.min(...upper) - around;
  const count = Math.ceil((Math.max(...lower) + around - start) / STEP);
  const reach = Math.round(around / STEP);
  const steps = Array.from({length: 2 * STEEPEST + 1}, (_, n) => n - STEEPEST);
  let best = null;
  const came = [];
  xs.forEach((x, n) => {
    const values = Float64Array.from({length: count}, (_, k) => bicubic(light, size, x, start + k * STEP));
    const middle = (upper[n] + lower[n]) / 2;
    const half = DOUBT * distance + (lower[n] - upper[n]) / 2;
    const cost = values.map((value, k) => {
      let [above, below] = [-Infinity, -Infinity];
      for (let m = 0; m <= reach; m++) {
        above = Math.max(above, values[clip(k - m, 0, count - 1)]);
        below = Math.max(below, values[clip(k + m, 0, count - 1)]);
      }
      const aside = Math.abs(start + k * STEP - middle) / half;
      return value - Math.min(above, below) + ASIDE * aside + (aside > 1 ? OUTSIDE : 0);
    });
    if (best === null) {
      best = cost;
      return;
    }
    const from = new Int8Array(count);
    const before = best;
    best = cost.map((value, k) => {
      let least = Infinity;
      for (const step of steps) {
        const total = (before[k + step] ?? Infinity) + BENDS * Math.abs(step);
        if (total < least) [least, from[k]] = [total, step];
      }
      return least + value;
    });
    came.push(from);
  });
  const found = [best.indexOf(Math.min(...best))];
  for (const from of came.reverse()) found.push(found.at(-1) + from[found.at(-1)]);
  return found.reverse().map((k) => start + k * STEP);
}

/** Reads a plane between its pixels by OpenCV's cubic kernel, its border repeated. */
function bicubic(plane, size, x, y) {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const weights = [x - left, y - top].map((t) => {
    const [u, s] = [1 + t, 1 - t];
    const outer = ((-0.75 * u + 3.75) * u - 6) * u + 3;
    const inner = (1.25 * t - 2.25) * t * t + 1;
    const next = (1.25 * s - 2.25) * s * s + 1;
    return [outer, inner, next, 1 - outer - inner - next];
  });
  let sum = 0;
  for (let j = 0; j < 4; j++) {
    const row = clip(top - 1 + j, 0, size - 1) * size;
    for (let i = 0; i < 4; i++) sum += weights[1][j] * weights[0][i] * plane[row + clip(left - 1 + i, 0, size - 1)];
  }
  return sum;
}
