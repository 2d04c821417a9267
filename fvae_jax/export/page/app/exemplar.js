// Teeth for mouths that open: the inside of another mouth, seen through the opening; as editing/exemplar.py has it.

import {blurred} from './blur.js';
import {apply} from './geometry.js';
import {between, clip, mean} from './numbers.js';
import {interpolated, outline, smoothed} from './opening.js';
import {largestPatch} from './patches.js';
import {enlarge} from './spline.js';

const OPEN = 0.5; // alpha from which a pixel belongs to the opening
const SURE_INSIDE = 4; // slope of coverage over alpha at the edge of an exemplar that a network has found
const LEAST = 0.004; // squared eye distances: what is smaller shows no teeth
const ZOOMS = [1, 0.93, 1.08, 1.16];
const [ACROSS, DOWN] = [0.9, 0.6]; // the part of an opening in which teeth are missed: to both sides, and from the upper lip down
const BEYOND = [0.40, 0.30, 0.28]; // of the light of painted teeth, where there are none
const MOUTH = [0.45, 0.6]; // eye distances below the eyes: what is new beyond the second is in the mouth, before the first not
const TUCK = 0.02; // eye distances by which an exemplar is pushed under the upper lip
const LIGHT = 0.35; // a face darker or lighter than the exemplar's owner changes teeth by this power of the ratio
const TINT = 0.5;
const [LEAST_GAIN, LARGEST_GAIN] = [0.75, 1.25];
// A lower lip ends so many eye distances below the teeth, where these fill more than the second share of an opening; where they
// fill less than the first it stays where it is.
const GAP = 0.03;
const FILLED = [0.4, 0.6];
const EVEN = 0.1; // eye distances over which that edge of a lip is smoothed along
const FLASH = 1.7; // times as light is a tongue in a photo as in the rendered cavities
const UNLIKE = 0.05; // uncovered share of the opening that a light twice as different is worth
const SHADE = 0.04; // eye distances from the edge of the opening over which lips shade teeth
const DARKEST = 0.87; // what is left of the light at that edge
// Cheeks shade teeth from this share of the way to a corner of the mouth on, and there leave this much of the light.
const [ASIDE, CORNER] = [0.4, 0.9];
// Eye distances: an opening less high than the first is that of a smile, one higher than the second a deep one; over how
// many the upper lip shades what is below it then, and what it leaves of the light at its edge.
const [DEEP, SHADOW, UNDER] = [[0.18, 0.3], 0.16, 0.62];
const WIDE = [0.12, 0.24]; // eye distances: openings less high than the first show no cavity, higher than the second all of it
const SKIN = {top: -0.1, bottom: 0.9, half: 0.45}; // eye distances from between the eyes: where the light of a face is compared

/** The mean light of the middle of a face, counted from black: three channels of a crop in [-1, 1]. */
export function skinLight(crop, size, goals) {
  const distance = goals[1][0] - goals[0][0];
  const [y0, y1] = [SKIN.top, SKIN.bottom].map((edge) => Math.round(goals[0][1] + 0.5 + distance * edge));
  const [x0, x1] = [-SKIN.half, SKIN.half].map((edge) => Math.round(size / 2 + distance * edge));
  const sum = [0, 0, 0];
  for (let y = y0; y < y1; y++) {
    for (let x = x0; x < x1; x++) for (const c of [0, 1, 2]) sum[c] += crop[3 * (y * size + x) + c];
  }
  return sum.map((value) => (value / ((y1 - y0) * (x1 - x0)) + 1) / 2);
}

/**
 * Finds the exemplar that leaves the least of the middle of an opening uncovered, and whose owner was lit alike.
 *
 * @param model with exemplars, size and goals
 * @param light of `skinLight`
 * @param alpha the opening that the face has in the exemplars' expression
 * @returns {number, zoom, lip: the middle of the upper lip in that expression, or null}
 */
export function choose(model, light, alpha) {
  const {exemplars, size, goals} = model;
  const lip = upperLip(alpha, size, goals);
  let best = null;
  for (let number = 0; number < exemplars.count; number++) {
    const unlike = Math.abs(Math.log2(Math.max(mean(light), 0.02) / Math.max(mean(exemplars.light[number]), 0.02)));
    (exemplars.count > 1 ? ZOOMS : [1]).forEach((zoom, order) => { // a single one is the face's own, and as large as that has it
      const placed = place(model, {number, zoom, lip}, light, alpha);
      const cost = (placed ? uncovered(placed, alpha, size) : 0) + UNLIKE * unlike + 0.005 * order;
      if (best === null || cost < best.cost) best = {number, zoom, lip, cost};
    });
  }
  return best;
}

/**
 * Makes an exemplar of a mouth whose opening a network has found.
 *
 * @param alpha the opening, size × size
 * @param crop the face with `side` px, RGB in [-1, 1]
 * @param frame {size, goals: where the eyes are in `alpha`}
 * @param expression what it shows
 * @param cavity what goes with it, or null
 * @returns exemplars with one of them, or null if it shows no teeth
 */
export function cut(alpha, crop, side, {size, goals}, expression, cavity) {
  const lip = upperLip(alpha, size, goals);
  if (lip === null) return null;
  const ratio = side / size;
  const fine = ([x, y]) => [(x + 0.5) * ratio - 0.5, (y + 0.5) * ratio - 0.5];
  // Half a pixel of the network inside of the edge, where lips are not seen any more.
  const inside = enlarge(alpha, size, side).map((value) => clip(SURE_INSIDE * (value - OPEN), 0, 1));
  let [x0, y0, x1, y1] = [side, side, 0, 0];
  inside.forEach((value, i) => {
    if (value === 0) return;
    const [x, y] = [i % side, Math.floor(i / side)];
    [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x + 1), Math.max(y1, y + 1)];
  });
  const [width, height] = [x1 - x0, y1 - y0];
  const pixels = new Uint8Array(4 * width * height);
  for (let i = 0; i < width * height; i++) {
    const at = (y0 + Math.floor(i / width)) * side + x0 + i % width;
    for (const c of [0, 1, 2]) pixels[4 * i + c] = Math.round(inside[at] * 127.5 * (crop[3 * at + c] + 1));
    pixels[4 * i + 3] = Math.round(255 * inside[at]);
  }
  const [x, y] = fine(lip);
  return {
    count: 1,
    width,
    height,
    lip: [[x - x0, y - y0]],
    light: [skinLight(crop, side, goals.map(fine))],
    eyeDistance: (goals[1][0] - goals[0][0]) * ratio,
    expression,
    pixels: [pixels],
    cavity,
  };
}

function uncovered(placed, alpha, size) {
  const shown = covers(placed);
  const rows = new Map();
  for (const i of largestPatch(alpha, size, OPEN)) {
    const [x, y] = [i % size, Math.floor(i / size)];
    const [top, bottom] = rows.get(x) ?? [y, y];
    rows.set(x, [Math.min(top, y), Math.max(bottom, y)]);
  }
  const [left, right] = [Math.min(...rows.keys()), Math.max(...rows.keys())];
  const covered = [];
  for (const i of largestPatch(alpha, size, OPEN)) {
    const [column, row] = [i % size, Math.floor(i / size)];
    const [first, last] = rows.get(column);
    if (Math.abs(column - (left + right) / 2) > ACROSS * (right - left + 1) / 2 || row > first + DOWN * (last - first)) continue;
    covered.push(shown(column, row));
  }
  return 1 - mean(covered);
}

/**
 * Makes the mean of all teeth, which a network paints, to the dark that is around those of an exemplar.
 *
 * @param color C, size × size × 3 in [-1, 1]
 * @returns the same, darker in the mouth
 */
export function beyond(color, size, goals) {
  const distance = goals[1][0] - goals[0][0];
  return color.map((value, i) => {
    const below = (Math.floor(i / (3 * size)) - goals[0][1]) / distance;
    const share = between(below, MOUTH);
    return (value + 1) * (1 - share * (1 - BEYOND[i % 3])) - 1;
  });
}

/**
 * Places an exemplar in the opening of an edit.
 *
 * @param alpha how much of a pixel of the crop is new
 * @returns {pixels, width, height, matrix: crop px to its px, gain, shading: per pixel of the crop, cavity: what lies below, or
 *   null}; null where nothing opens
 */
export function place({exemplars, size, goals}, {number, zoom, lip: known}, light, alpha) {
  const distance = goals[1][0] - goals[0][0];
  const now = upperLip(alpha, size, goals);
  if (now === null) return null;
  // A lip that rises farther takes the teeth along, one that rises less covers them.
  const lip = known ? [known[0], Math.min(known[1], now[1])] : now;
  const {width, height, eyeDistance} = exemplars;
  const scale = eyeDistance / (distance * zoom);
  const [x, y] = exemplars.lip[number];
  return {
    pixels: exemplars.pixels[number],
    width,
    height,
    matrix: {a: scale, b: 0, x: x - scale * lip[0], y: y + TUCK * eyeDistance - scale * lip[1]},
    gain: gainOf(light, exemplars.light[number]),
    shading: shaded(alpha, size, distance),
    cavity: placeCavity(exemplars.cavity, light, alpha, size, distance),
  };
}

/**
 * A change with teeth where a mouth opens, and the dark around them.
 *
 * @param change of `latent.anchored`
 * @param model with exemplars, size and goals
 * @param face {donor: of `choose`, or null, light}
 */
export function withTeeth(change, model, {donor, light}) {
  if (!donor) return {...change, teeth: null};
  const color = beyond(change.color, model.size, model.goals);
  const teeth = place(model, donor, light, change.alpha);
  return {...change, color, ...(teeth ? fitted(change.alpha, teeth, model) : {teeth})};
}

/** Lets the lower lip of a smile reach up to the teeth: below them it would leave a dark band. Gives {alpha, teeth}. */
function fitted(alpha, teeth, {size, goals}) {
  const distance = goals[1][0] - goals[0][0];
  const shown = covers(teeth);
  const rows = new Map(); // of the opening, by column: how many, and how many of them show teeth
  for (const i of largestPatch(alpha, size, OPEN)) {
    const x = i % size;
    const [all, filled] = rows.get(x) ?? [0, 0];
    rows.set(x, [all + 1, filled + Number(shown(x, Math.floor(i / size)) > 0.5)]);
  }
  const columns = [...rows.keys()].filter((x) => rows.get(x)[1] > 0).sort((a, b) => a - b);
  if (!columns.length) return {alpha, teeth};
  const lowest = columns.map((x) => {
    let row = size - 1;
    while (shown(x, row) <= 0.5) row--;
    return row;
  });
  const sum = (of) => columns.reduce((total, x) => total + of(rows.get(x)), 0);
  const share = between(sum(([, filled]) => filled) / sum(([all]) => all), FILLED);
  const farther = GAP * distance + (1 - share) * Math.max(...[...rows.values()].map(([all]) => all));
  const ends = smoothed(lowest, EVEN * distance).map((row) => row + farther);
  const kept = Array.from({length: size}, (_, x) => interpolated(x, columns, ends));
  const less = alpha.map((value, i) => value * clip(kept[i % size] + 1 - Math.floor(i / size), 0, 1));
  return {alpha: less, teeth: {...teeth, shading: shaded(less, size, distance)}};
}

/** How much of a place of the crop an exemplar covers, in [0, 1], as a function of its column and row. */
function covers({pixels, width, height, matrix}) {
  const read = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : pixels[4 * (y * width + x) + 3] / 255);
  return (column, row) => {
    const [x, y] = apply(matrix, [column, row]);
    const [u, v] = [Math.floor(x), Math.floor(y)];
    const [s, t] = [x - u, y - v];
    return (1 - t) * ((1 - s) * read(u, v) + s * read(u + 1, v)) + t * ((1 - s) * read(u, v + 1) + s * read(u + 1, v + 1));
  };
}

/**
 * What lips and cheeks leave of the light on teeth: less at the edge of the opening and towards its corners. In a mouth
 * that opens wide teeth lie deep, and the upper lip shades them.
 */
function shaded(alpha, size, distance) {
  const patch = largestPatch(alpha, size, OPEN);
  const columns = patch.map((i) => i % size);
  const [first, last] = [Math.min(...columns), Math.max(...columns)];
  const mouth = outline(alpha, size);
  const highest = mouth === null ? 0 : Math.max(...mouth.top.map((row, n) => mouth.bottom[n] - row));
  const deep = between(highest / distance, DEEP);
  const tops = Array.from({length: size}, (_, x) => (mouth === null ? 0 : interpolated(x, mouth.x, mouth.top)));
  return blurred(alpha, size, size, SHADE * distance).map((inner, i) => {
    const [x, y] = [i % size, Math.floor(i / size)];
    const lips = DARKEST + (1 - DARKEST) * between(2 * inner - 1, [0, 1]);
    const aside = Math.abs((x - first) / ((last - first) / 2) - 1);
    const below = between((y - tops[x]) / distance, [0, SHADOW]);
    const upperLip = 1 - deep * (1 - UNDER) * (1 - below * below * (3 - 2 * below));
    return lips * (1 - (1 - CORNER) * between(aside, [ASIDE, 1])) * upperLip;
  });
}

function gainOf(light, owner) {
  const ratio = light.map((value, c) => Math.max(value, 0.02) / Math.max(owner[c], 0.02));
  const lighter = clip(mean(ratio) ** LIGHT, LEAST_GAIN, LARGEST_GAIN);
  return ratio.map((value) => lighter * (value / mean(ratio)) ** TINT);
}

/** Stretches the cavity to an opening, as a tongue follows its jaw: middles and deviations become the same. */
function placeCavity(cavity, light, alpha, size, distance) {
  if (!cavity) return null;
  const opening = new Float32Array(size * size);
  for (const i of largestPatch(alpha, size, OPEN)) opening[i] = alpha[i];
  const [middle, deviation] = moments(opening, size);
  const share = between(4 * deviation[1] / distance, WIDE);
  if (share === 0) return null;
  const {pixels, width, height} = cavity;
  const [center, spread] = moments(Float32Array.from({length: width * height}, (_, i) => pixels[4 * i + 3]), width);
  const scale = [0, 1].map((axis) => spread[axis] / deviation[axis]);
  const shift = [0, 1].map((axis) => center[axis] - scale[axis] * middle[axis]);
  return {pixels, width, height, scale, shift, gain: gainOf(light, cavity.light).map((value) => FLASH * value), share};
}

/** Mean and standard deviation of the pixels of a map, [x, y] each. */
function moments(weights, width) {
  const sums = [0, 0, 0, 0, 0];
  weights.forEach((weight, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    [1, x, y, x * x, y * y].forEach((value, n) => { sums[n] += weight * value; });
  });
  const [total, ...rest] = sums;
  const [x, y, xx, yy] = rest.map((sum) => sum / total);
  return [[x, y], [Math.sqrt(xx - x * x), Math.sqrt(yy - y * y)]];
}

/** The middle of the upper edge of the largest opening, [x, y]; null if it is too small to show teeth. */
function upperLip(alpha, size, goals) {
  const least = LEAST * (goals[1][0] - goals[0][0]) ** 2;
  const patch = largestPatch(alpha, size, OPEN);
  if (patch.length < least || !patch.length) return null;
  const columns = patch.map((i) => i % size);
  const [left, right] = [Math.min(...columns), Math.max(...columns)];
  const middle = (left + right) / 2;
  const near = (right - left + 1) / 12;
  const edges = [];
  for (let column = Math.floor(middle - near); column <= Math.ceil(middle + near); column++) {
    const rows = patch.filter((i) => i % size === column).map((i) => Math.floor(i / size));
    const top = Math.min(...rows);
    if (!rows.length || top === 0) continue;
    const [above, first] = [alpha[(top - 1) * size + column], alpha[top * size + column]];
    edges.push(top - (first - OPEN) / Math.max(first - above, 1e-6));
  }
  return edges.length ? [middle, mean(edges)] : null;
}
