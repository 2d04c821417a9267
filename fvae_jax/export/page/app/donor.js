// Whose teeth a face gets: those of the exemplars that suit it best.

import {choose} from './exemplar.js';
import {anchored, edited} from './latent.js';

/**
 * Chosen once for a face, so that teeth do not change with the strength of an edit.
 *
 * @param model with exemplars, or null for none
 * @param face {latent, own: what it decodes to, light}
 * @param decode gives what another latent of this face decodes to
 * @returns of `exemplar.choose`, or null where the model has none
 */
export async function donorOf(model, {latent, own, light}, decode) {
  const {exemplars, directions} = model;
  if (!exemplars || !own.alpha_logit) return null;
  const known = exemplars.expression in directions;
  const smiling = known ? await decode(edited(latent, directions, {[exemplars.expression]: 1})) : own;
  return choose(model, light, anchored(smiling, own).alpha);
}
