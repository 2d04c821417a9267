// The inside of the mouth in another photo of the same person, as editing/face.py takes it.

import {lipsOf} from './contour.js';
import {alignedCrop} from './crop.js';
import {wanted} from './edit.js';
import {cut} from './exemplar.js';
import {compose, grown, invert, scaled, scaleOf} from './geometry.js';
import {anchored} from './latent.js';
import {mayShowTeeth} from './mouth.js';
import {ask} from './networks.js';
import {clip} from './numbers.js';
import {maskOf} from './opening.js';

const CLOSING = {neutral: 1.5}; // an edit that leaves no mouth open, as seen by the network
const FINE_MOUTH = 512; // px: side of the largest crop that the edge of lips is sought in
const FINEST = 1024; // px: side of the largest crop that teeth are taken from
const TOOTHY = 'smile'; // the expression whose upper lip tells where teeth are, if the model does not say

/**
 * Takes teeth from a photo.
 *
 * @param sitter who shows them
 * @returns exemplars as the model's, or null if no teeth are seen
 */
export async function teethOf(sitter) {
  const {model, toCrop, photo, box} = sitter;
  const {size, goals, exemplars} = model;
  if (!sitter.own.alpha_logit) return null;
  const opening = await openingOf(sitter);
  if (!mayShowTeeth(opening, model)) return null;
  const part = photo.part(grown(box, Math.ceil(0.05 * Math.max(box.width, box.height)) + 8, photo.width, photo.height));
  const sideOf = (finest) => Math.floor(clip(size / scaleOf(toCrop), size, finest));
  const cropOf = (side) => alignedCrop(part.pixels, scaled(compose(toCrop, invert(part.fromPhoto)), side / size), side);
  const [coarse, side] = [FINE_MOUTH, FINEST].map(sideOf);
  const lips = lipsOf(sitter.latent, opening, cropOf(coarse), coarse, model);
  if (lips === null) return null;
  const there = goals.map((goal) => goal.map((value) => (value + 0.5) * coarse / size - 0.5));
  const {expression = TOOTHY, cavity = null} = exemplars ?? {};
  return cut(maskOf(lips, coarse), cropOf(side), side, {size: coarse, goals: there}, expression, cavity);
}

/** How much of each pixel of the crop lies between lips: what is new in the face that begins with closed ones. */
export async function openingOf(sitter) {
  const {model, crop, latent, own, key: of} = sitter;
  const key = `${of}, lips closed`;
  const closing = anchored(await sitter.decode(wanted(latent, model, CLOSING)), own);
  const start = await ask('encode', {key, crop: changed(crop, closing, model.size)});
  const [closed, open] = await Promise.all([start, latent].map((one) => ask('decode', {key, latent: one})));
  ask('forget', key);
  return anchored(open, closed).alpha;
}

/** A crop after a change, at its own size. */
function changed(crop, {displacement, alpha, color, shading}, size) {
  const last = size - 1;
  const inside = (value) => clip(value, 0, last);
  return crop.map((_, n) => {
    const [i, c] = [Math.floor(n / 3), n % 3];
    const [x, y] = [inside(i % size + displacement[2 * i]), inside(Math.floor(i / size) + displacement[2 * i + 1])];
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [s, t] = [x - left, y - top];
    const read = (u, v) => crop[3 * (Math.min(v, last) * size + Math.min(u, last)) + c];
    const moved = (1 - t) * ((1 - s) * read(left, top) + s * read(left + 1, top))
      + t * ((1 - s) * read(left, top + 1) + s * read(left + 1, top + 1));
    const lit = shading ? moved + (moved + 1) * Math.expm1(shading[i]) : moved;
    return (1 - alpha[i]) * lit + alpha[i] * color[n];
  });
}
