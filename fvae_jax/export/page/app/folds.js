// Folds of skin, taken from faces that show an expression; as editing/folds.py has them, but of an open mouth, too, the corners are
// where the expression opens it.

import {anchored, AT_REST, edited, shares} from './latent.js';
import {clip, mean} from './numbers.js';
import {largestPatch} from './patches.js';

export const SKIN = [0.83, 1.02, 1.12]; // by how much red, green and blue are shaded where their mean is by 1, as editing/portrait.py has it
const OPEN = 0.5; // alpha from which a pixel belongs to the opening
const STRONGEST = 1.3; // folds do not become deeper than in an expression of this strength
const NARROWEST = 0.05; // of the crop's side: what is narrower is no mouth
const UNLIKE = 0.5; // of the mouth's place, relatively, that a light twice as different is worth
const FOLLOWS = 0.15; // of what a new picture shows, in what those before have shown: the face speaks, folds do not flicker
const LOWER = 2; // how much more the distance from eyes to mouth counts than the width of the mouth

/**
 * The folds of every expression for a face, each taken from the person whose face suits it best.
 *
 * @param model {folds, exemplars, directions, size, goals}
 * @param face {latent, own: what it decodes to, light}
 * @param decode gives what another latent of this face decodes to
 * @returns {shown: how much of each expression the face has, maps: r where the unmoved face has its skin, by expression, side}, or
 *   null where nothing is known
 */
export async function foldsOf(model, {latent, own, light}, decode) {
  const {folds, exemplars, directions, size, goals} = model;
  if (!folds || !own.shading || !own.alpha_logit || !exemplars || !(exemplars.expression in directions)) return null;
  const smiling = anchored(await decode(edited(latent, directions, {[exemplars.expression]: 1})), own);
  const mouth = corners(smiling, size);
  if (mouth === null) return null;
  const eyes = (goals[0][1] + 0.5) / size;
  const mine = shape(mouth, eyes);
  const unlike = (number) => {
    const theirs = shape(folds.corners[number], eyes);
    const lit = Math.abs(Math.log2(Math.max(mean(light), 0.02) / Math.max(folds.light[number], 0.02)));
    return UNLIKE * lit + Math.abs(theirs.width / mine.width - 1) + LOWER * Math.abs(theirs.below / mine.below - 1);
  };
  const maps = {};
  for (const expression of new Set(folds.expressions)) {
    const numbers = folds.expressions.map((_, number) => number).filter((number) => folds.expressions[number] === expression);
    const number = numbers.reduce((best, other) => (unlike(other) < unlike(best) ? other : best));
    maps[expression] = fitted(folds, number, mine, eyes);
  }
  const shown = shares(latent, model);
  return {maps, side: folds.side, shown};
}

/**
 * Follows what a face shows, slowly, from picture to picture: folds that it has itself do not become deeper.
 *
 * @param folds of `foldsOf`
 * @param model {neutral, directions, readings}
 * @param latent of the face now
 * @returns the folds with what is shown by now
 */
export function followed(folds, model, latent) {
  const now = shares(latent, model);
  const shown = Object.fromEntries(Object.entries(folds.shown).map(([name, before]) => [name, before + FOLLOWS * (now[name] - before)]));
  return {...folds, shown};
}

/** The corners of a mouth, [left, right], as shares of the side; where the edit opens it, brought back to the face. Null without. */
function corners({alpha, displacement}, size) {
  const patch = largestPatch(alpha, size, OPEN);
  if (!patch.length) return null;
  const columns = patch.map((i) => i % size);
  const [first, last] = [Math.min(...columns), Math.max(...columns)];
  const found = [[first, first, first + 1], [last, last - 1, last]].map(([x, from, to]) => {
    const y = mean(patch.filter((_, n) => columns[n] >= from && columns[n] <= to).map((i) => Math.floor(i / size)));
    const at = 2 * (Math.round(y) * size + x);
    return [(x + displacement[at] + 0.5) / size, (y + displacement[at + 1] + 0.5) / size];
  });
  return found[1][0] - found[0][0] > NARROWEST ? found : null;
}

function shape([[x0, y0], [x1, y1]], eyes) {
  return {width: x1 - x0, below: (y0 + y1) / 2 - eyes, middle: (x0 + x1) / 2 - 0.5};
}

/** A stored map, stretched between eyes and mouth so that the corners of both mouths fall together. */
function fitted({maps, corners: known, side, step}, number, mine, eyes) {
  const theirs = shape(known[number], eyes);
  const values = maps[number];
  const out = new Float32Array(side * side);
  for (let row = 0; row < side; row++) {
    const y = (row + 0.5) / side;
    const down = clip((y - eyes) / mine.below, 0, 1);
    const fromY = (y + down * (theirs.below - mine.below)) * side - 0.5;
    const wider = 1 + down * (theirs.width / mine.width - 1);
    for (let column = 0; column < side; column++) {
      const x = (column + 0.5) / side - 0.5;
      const fromX = (0.5 + down * theirs.middle + (x - down * mine.middle) * wider) * side - 0.5;
      out[row * side + column] = step * read(values, side, fromX, fromY);
    }
  }
  return out;
}

/** A map between its pixels; 0 outside. */
function read(values, side, x, y) {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  if (left < -1 || top < -1 || left >= side || top >= side) return 0;
  const [s, t] = [x - left, y - top];
  const at = (u, v) => (u < 0 || v < 0 || u >= side || v >= side ? 0 : values[v * side + u]);
  return (1 - t) * ((1 - s) * at(left, top) + s * at(left + 1, top)) + t * ((1 - s) * at(left, top + 1) + s * at(left + 1, top + 1));
}

/** How much of the expressions that fold skin, and that a face shows, an edit takes away, from 0 to 1; for the arguments see `fold`. */
export function taken(folds, {neutral = 0, ...strengths}) {
  if (folds === null) return 0;
  const goes = Object.keys(folds.maps).map((name) => {
    const shown = Math.max(folds.shown[name], 0);
    return Math.min(shown, Math.max(neutral * AT_REST * Math.min(shown, 1) - (strengths[name] ?? 0), 0));
  });
  return Math.min(goes.reduce((sum, value) => sum + value, 0), 1);
}

/**
 * Adds folds to what an edit changes, carried along with the skin.
 *
 * @param refined of `spline.refine`, which is changed
 * @param folds of `foldsOf`, or null
 * @param strengths by expression; `neutral` takes out what the face shows
 */
export function fold(refined, folds, {neutral = 0, ...strengths}) {
  if (folds === null) return refined;
  const {maps, side: from, shown} = folds;
  const layers = Object.entries(maps).map(([name, map]) => {
    const before = clip(shown[name], 0, STRONGEST);
    const after = clip(shown[name] + (strengths[name] ?? 0) - neutral * AT_REST * Math.min(shown[name], 1), 0, STRONGEST);
    return [after - before, map];
  }).filter(([amount]) => amount > 0);
  const {field, content, side, size} = refined;
  const [finer, moved] = [from / side, from / size];
  for (const [amount, map] of layers) {
    for (let i = 0; i < side * side; i++) {
      const x = (i % side + 0.5) * finer - 0.5 + field[4 * i] * moved;
      const y = (Math.floor(i / side) + 0.5) * finer - 0.5 + field[4 * i + 1] * moved;
      content[4 * i + 3] += amount * field[4 * i + 3] * read(map, from, x, y);
    }
  }
  return refined;
}
