// Whose teeth a face gets: those of the model's exemplars that suit it best, or its own from another photo.

import {choose, cut} from './exemplar.js';
import {alignedCrop} from './crop.js';
import {compose, grown, invert, scaled, scaleOf} from './geometry.js';
import {anchored, edited} from './latent.js';

const FINEST = 1024; // px: side of the largest crop that teeth are taken from
const TOOTHY = 'smile'; // the expression whose upper lip tells where teeth are, if the model does not say

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

/**
 * The inside of the mouth in another photo of the same person, as exemplars to choose from.
 *
 * @param face the sitter with closed lips, whose features tell where the other one's mouth is open
 * @param other the sitter who shows teeth
 * @returns exemplars as the model's, or null if no teeth are seen
 */
export async function teethOf(face, other) {
  const {model: {size, goals, exemplars}} = face;
  const {alpha_logit: logits} = await face.decode(other.latent);
  if (!logits) return null;
  const alpha = logits.map((logit) => 1 / (1 + Math.exp(-logit)));
  const side = Math.floor(Math.min(Math.max(size / scaleOf(other.toCrop), size), FINEST));
  const {photo, box} = other;
  const part = photo.part(grown(box, Math.ceil(0.05 * Math.max(box.width, box.height)) + 8, photo.width, photo.height));
  const toFine = scaled(compose(other.toCrop, invert(part.fromPhoto)), side / size);
  const crop = alignedCrop(part.pixels, toFine, side);
  return cut(alpha, crop, side, {size, goals}, exemplars?.expression ?? TOOTHY, exemplars?.cavity ?? null);
}
