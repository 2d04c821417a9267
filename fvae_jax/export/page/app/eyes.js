// Eyes keep most of what an expression made of them when it goes, as editing/eyes.py has it: opened by a warp, an iris is an oval.

import {between} from './numbers.js';

const KEPT = 0.6; // of what an expression made of the eyes
const LIDS = [0.45, 0.3]; // half axes of an eye with its lids, across and down, eye distances
const FADE = [0.5, 1.3]; // shares of them up to which all of that is kept, and beyond which nothing

/**
 * A change that moves eyes less, as far as an expression is taken away.
 *
 * @param change of `latent.anchored`
 * @param model {size, goals: the eyes, px of the crop}
 * @param taken how far it is, from 0 to 1
 */
export function calmed(change, {size, goals: [left, right]}, taken) {
  if (taken <= 0) return change;
  const distance = right[0] - left[0];
  const displacement = change.displacement.map((value, n) => {
    const [x, y] = [(n >> 1) % size, Math.floor((n >> 1) / size)];
    const aside = Math.abs(Math.abs(x - (left[0] + right[0]) / 2) - distance / 2);
    const far = between(Math.hypot(aside / LIDS[0], (y - left[1]) / LIDS[1]) / distance, FADE);
    return value * (1 - KEPT * taken * (1 - far * far * (3 - 2 * far)));
  });
  return {...change, displacement};
}
