// What the page knows of its model.

import {ask} from './networks.js';

/**
 * Reads model.json and latents.bin.
 *
 * @returns {size, goals: where eyes belong in a crop, neutral, directions: by expression, expressions: their names, the smile first,
 *   mask: whether two photos can be mixed, told: all of model.json}
 */
export async function load() {
  const {told, latents} = await ask('describe');
  const count = told.latents.shape.reduce((product, side) => product * side, 1);
  const arrays = told.latents.order.map((name, n) => [name, latents.subarray(n * count, (n + 1) * count)]);
  const {neutral, ...directions} = Object.fromEntries(arrays);
  return {size: told.size, goals: told.eyes, neutral, directions, expressions: Object.keys(directions).sort((one, other) => (other === 'smile') - (one === 'smile')), mask: told.mask, told};
}
