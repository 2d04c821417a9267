// The edges of the lips between which a mouth is open, in the pixels of a photo; as editing/contour.py has it.

import {blurredBytes} from './blur.js';
import {clip, mean} from './numbers.js';
import {interpolated, outline} from './opening.js';

// Of each regression, eye distances to both sides of a point in which it looks, across and down; columns and rows.
const LOOKS = [[0.10, 0.20], [0.07, 0.12], [0.05, 0.07]];
const [ACROSS, DOWN] = [5, 9];
// Where mouths are, eye distances: to both sides of the middle, and below the eyes.
const [ASIDE, BELOW] = [1.1, [0.35, 2.2]];
const BLUR = 1 / 133; // eye distances

// Eye distances: by how much a contour may be off and by how much it usually is; how far from it there is nothing but lips and skin,
// and how far those are alike.
const [BAND, USUAL] = [0.06, 0.015];
const OUTSIDE = [0.04, 0.11];
const STEP = 1 / 266; // eye distances between the places that are looked at, but no less than half a px
const MIDDLE = 0.88; // of the half width of a mouth: where its colors are looked at
const HIGH = 0.02; // eye distances: where a mouth is less high it does not tell its colors
const BOWS = steps(-0.06, 0.0601, 0.004).flatMap((even) => steps(-0.04, 0.0401, 0.01).map((aside) => [even, aside])); // eye distances
const [COLORS, ROUNDS] = [3, 10]; // colors of a part of a picture, and rounds in which they are found
const MARGIN = [4, 2, 2]; // what is added to their deviations, Lab
const SURE = 3; // of the logarithm of a ratio of likelihoods: more is no surer
const WEIGHT = 50; // of such ratios, per eye distance
const SHARP = 0.05; // by how much more a bow costs that counts e times less
const FEWEST = 30; // places inside of a mouth that tell its colors

const deviation = (values, middle) => Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));

/** Numbers from the first on, less than `end`, `step` apart. */
function steps(start, end, step) {
  return Array.from({length: Math.max(Math.ceil((end - start) / step), 0)}, (_, n) => start + n * step);
}

/**
 * The edges of the lips of an open mouth.
 *
 * @param latent of the face
 * @param opening what the network sees of it, size × size in [0, 1]
 * @param crop the face with `side` px, RGB in [-1, 1]
 * @param model with size, goals and lips: how they are found, or null of a model that was not taught, which takes what the network sees
 * @returns two lines as `outline` gives them, px of `crop`; null where nothing is open
 */
export function lipsOf(latent, opening, crop, side, {size, goals, lips}) {
  const ratio = side / size;
  const fine = (place) => (place + 0.5) * ratio - 0.5;
  const face = {
    bytes: Uint8Array.from(crop, (value) => Math.round(127.5 * (value + 1))),
    side,
    distance: (goals[1][0] - goals[0][0]) * ratio,
    middle: [side / 2 - 0.5, fine(goals[0][1])],
  };
  if (lips) return follow(asLines(find(lips, latent, face)), face);
  const seen = outline(opening, size);
  return seen && follow({x: seen.x.map(fine), top: seen.top.map(fine), bottom: seen.bottom.map(fine)}, face);
}

/** The inner contour of the lips by regressions alone: points [x, y] along the upper lip to the right and back along the lower. */
function find(lips, latent, face) {
  const {side, distance, middle} = face;
  const inside = (value) => clip(value, 0, side);
  const [x0, x1] = [Math.floor(middle[0] - ASIDE * distance), Math.ceil(middle[0] + ASIDE * distance) + 1].map(inside);
  const [y0, y1] = [Math.floor(middle[1] + BELOW[0] * distance), Math.ceil(middle[1] + BELOW[1] * distance) + 1].map(inside);
  const read = readerOf(face, {x: x0, y: y0, width: x1 - x0, height: y1 - y0}, Math.max(BLUR * distance, 0.3));
  const points = (contour) => Array.from({length: contour.length / 2}, (_, n) =>
    [0, 1].map((axis) => contour[2 * n + axis] * distance + middle[axis]));
  let contour = regressed(lips.start, latent); // eye distances
  lips.steps.forEach((step, n) => {
    const added = regressed(step, around(read, points(contour), LOOKS[n].map((far) => far * distance)));
    contour = contour.map((value, i) => value + added[i]);
  });
  return points(contour);
}

/** What a regression makes of numbers: a row of constants, and one for each of them. */
function regressed(table, numbers) {
  const width = table.length / (numbers.length + 1);
  return Array.from({length: width}, (_, j) => numbers.reduce((sum, value, i) => sum + value * table[(i + 1) * width + j], table[j]));
}

/** What a regression looks at: light and red around each point, both of mean 0 and deviation 1. */
function around(read, points, [aside, away]) {
  const places = steps(0, DOWN, 1).flatMap((row) => steps(0, ACROSS, 1).map((column) =>
    [(2 * column / (ACROSS - 1) - 1) * aside, (2 * row / (DOWN - 1) - 1) * away]));
  const seen = points.flatMap(([x, y]) => places.map(([right, down]) => read(x + right, y + down)));
  return [0, 1].flatMap((channel) => {
    const values = seen.map((color) => color[channel]);
    const middle = mean(values);
    const spread = deviation(values, middle) + 1e-3;
    return values.map((value) => (value - middle) / spread);
  });
}

/** A contour as two lines from its left corner to its right one. */
function asLines(contour) {
  const corner = contour.length / 2; // the right one; the left one is the first
  const [upper, lower] = [contour.slice(0, corner + 1), [contour[0], ...contour.slice(corner).reverse()]];
  const x = steps(contour[0][0], Math.max(contour[corner][0], contour[0][0] + 3), 1);
  const [top, bottom] = [upper, lower].map((line) => {
    const [columns, rows] = [0, 1].map((axis) => line.map((point) => point[axis]));
    return x.map((column) => interpolated(column, columns, rows));
  });
  return {x, top, bottom: bottom.map((row, n) => Math.max(row, top[n]))};
}

/** Lets both lines go to where what is between lips ends, as its colors tell. */
function follow(lips, face) {
  const {side, distance} = face;
  const step = Math.max(STEP * distance, 0.5);
  const x = steps(lips.x[0], lips.x.at(-1), 2 * step);
  if (x.length < 2 * COLORS) return lips;
  const [top, bottom] = [lips.top, lips.bottom].map((line) => x.map((column) => interpolated(column, lips.x, line)));
  const place = x.map((column) => 2 * (column - x[0]) / (lips.x.at(-1) - x[0]) - 1);
  const middle = place.map((at) => Math.abs(at) < MIDDLE);
  const far = steps(-BAND * distance, OUTSIDE[1] * distance, step);
  const [y0, y1] = [Math.min(...top) - 0.2 * distance, Math.max(...bottom) + 0.2 * distance].map((y) => Math.trunc(clip(y, 0, side)));
  const read = readerOf(face, {x: 0, y: y0, width: side, height: y1 - y0}, 1.6 * step);
  const wide = middle.map((value, n) => value && bottom[n] - top[n] > HIGH * distance);
  const inside = steps(0, 9, 1).flatMap((row) => x.flatMap((column, n) =>
    (wide[n] ? [read(column, top[n] + (0.1 + 0.1 * row) * (bottom[n] - top[n]))] : [])));
  if (inside.length < FEWEST) return lips;
  const between = likelihoodOf(inside);
  const edges = [[top, -1], [bottom, 1]].map(([line, outwards]) => {
    const seen = far.map((away) => x.map((column, n) => read(column, line[n] + outwards * away)));
    const beyond = likelihoodOf(seen.filter((_, k) => far[k] > OUTSIDE[0] * distance).flatMap((row) => row.filter((_, n) => middle[n])));
    const near = far.filter((away) => away <= BAND * distance);
    // A line costs what of the mouth it leaves out, what of the lips it takes in, and how far it is from the guess.
    const costs = x.map((_, n) => {
      let won = 0;
      const sums = near.map((_, k) => {
        won += clip(between(seen[k][n]) - beyond(seen[k][n]), -SURE, SURE) / SURE * step / distance;
        return won;
      });
      return near.map((away, k) => WEIGHT * (won - 2 * sums[k]) + 0.5 * (away / (USUAL * distance)) ** 2);
    });
    // Bows between the corners, which stay where they are, more to the one side or to the other.
    const moved = ([even, aside]) => place.map((at) => distance * (1 - at ** 2) * (even + aside * at));
    const paid = BOWS.map((bow) => mean(moved(bow).map((move, n) => {
      const row = clip((move - far[0]) / step, 0, near.length - 1);
      const above = Math.min(Math.floor(row), near.length - 2);
      return (1 - row + above) * costs[n][above] + (row - above) * costs[n][above + 1];
    })));
    // Not the best bow alone, lest lines jump from one to the next.
    const least = Math.min(...paid);
    const likely = paid.map((cost) => Math.exp((least - cost) / SHARP));
    const moves = moved([0, 1].map((part) => mean(BOWS.map((bow, n) => likely[n] * bow[part])) / mean(likely)));
    return line.map((row, n) => row + outwards * moves[n]);
  });
  const among = edges[0].map((row, n) => (row + edges[1][n]) / 2);
  return {x, top: edges[0].map((row, n) => Math.min(row, among[n])), bottom: edges[1].map((row, n) => Math.max(row, among[n]))};
}

/** The logarithm of how likely a color is, up to a constant, where a part of a picture has these: a few, with deviations of their own. */
function likelihoodOf(colors) {
  const axes = [0, 1, 2];
  const middleOf = (group) => axes.map((c) => mean(group.map((color) => color[c])));
  const apart = (one, other) => axes.reduce((sum, c) => sum + (one[c] - other[c]) ** 2, 0);
  // They begin as the dark, the middle and the light ones; the first groups have what does not divide.
  const sorted = colors.toSorted((one, other) => one[0] - other[0]);
  const [usual, rest] = [Math.floor(colors.length / COLORS), colors.length % COLORS];
  const first = (n) => n * usual + Math.min(n, rest);
  let groups = null;
  let centers = Array.from({length: COLORS}, (_, n) => middleOf(sorted.slice(first(n), first(n + 1))));
  for (let round = 0; round < ROUNDS; round++) {
    groups = centers.map(() => []);
    for (const color of colors) {
      const far = centers.map((center) => apart(color, center));
      groups[far.indexOf(Math.min(...far))].push(color);
    }
    centers = centers.map((center, n) => (groups[n].length ? middleOf(groups[n]) : center));
  }
  const known = centers.map((center, n) => {
    const spread = axes.map((c) => (groups[n].length ? deviation(groups[n].map((color) => color[c]), center[c]) : 0) + MARGIN[c]);
    const share = Math.log((groups[n].length + 1) / colors.length);
    return {center, spread, constant: share - spread.reduce((sum, value) => sum + Math.log(value), 0)};
  });
  return (color) => known.reduce((most, {center, spread, constant}) =>
    Math.max(most, constant - 0.5 * axes.reduce((sum, c) => sum + ((color[c] - center[c]) / spread[c]) ** 2, 0)), -Infinity);
}

/** A part of a face, blurred, as a function that reads its color (Lab) at columns and rows of the face; its border is repeated. */
function readerOf({bytes, side}, {x: x0, y: y0, width, height}, blur) {
  const part = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    const start = 3 * ((y0 + y) * side + x0);
    part.set(bytes.subarray(start, start + 3 * width), 3 * y * width);
  }
  const colors = lab(blurredBytes(part, width, height, 3, blur));
  return (column, row) => {
    const [u, v] = [clip(column - x0, 0, width - 1), clip(row - y0, 0, height - 1)];
    const [left, above] = [Math.floor(u), Math.floor(v)];
    const [right, below] = [Math.min(left + 1, width - 1), Math.min(above + 1, height - 1)];
    const [s, t] = [u - left, v - above];
    const at = (x, y, c) => colors[3 * (y * width + x) + c];
    return [0, 1, 2].map((c) => (1 - t) * ((1 - s) * at(left, above, c) + s * at(right, above, c))
      + t * ((1 - s) * at(left, below, c) + s * at(right, below, c)));
  };
}

/** L*, a* and b* of bytes (sRGB, D65); OpenCV interpolates in a table instead, which moves lips by hundredths of a pixel. */
function lab(bytes) {
  const linear = Float64Array.from({length: 256}, (_, value) =>
    (value > 0.04045 * 255 ? ((value / 255 + 0.055) / 1.055) ** 2.4 : value / 255 / 12.92));
  const curve = (t) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  const out = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i += 3) {
    const [r, g, b] = [linear[bytes[i]], linear[bytes[i + 1]], linear[bytes[i + 2]]];
    const x = curve((0.412453 * r + 0.357580 * g + 0.180423 * b) / 0.950456);
    const y = curve(0.212671 * r + 0.715160 * g + 0.072169 * b);
    const z = curve((0.019334 * r + 0.119193 * g + 0.950227 * b) / 1.088754);
    out.set([116 * y - 16, 500 * (x - y), 200 * (y - z)], i);
  }
  return out;
}
