// One photo with another expression (Algorithm 1).

import {carried, contentBox, steepened} from './content.js';
import {calmed} from './eyes.js';
import {fold, SKIN, taken} from './folds.js';
import {compose, faceBox, grown, invert, scaleOf} from './geometry.js';
import {measure} from './grain.js';
import {edited, neutralizing} from './latent.js';
import {cut, Refusal} from './photo.js';
import {refine} from './spline.js';

const TILE = 1024; // px of a saved photo that are made at once
const FLOW_MAXIMUM = 0.1; // of the distance between the eyes: the length of a fully saturated color

/** The latent of an edit; for strengths see `decode`. */
export function wanted(latent, model, {neutral = 0, ...strengths}) {
  const sum = edited(latent, model.directions, strengths);
  if (neutral !== 0) {
    const change = neutralizing(latent, model);
    for (let i = 0; i < sum.length; i++) sum[i] += neutral * change[i];
  }
  return sum;
}

/**
 * Decodes an edit.
 *
 * @param sitter the face
 * @param strengths by expression; `neutral` takes out what the face shows
 * @returns what the crop's change is, of `spline.refine`
 */
export async function decode(sitter, {neutral = 0, ...strengths}) {
  const {model} = sitter;
  const latent = wanted(sitter.latent, model, {neutral, ...strengths});
  const unchanged = latent.every((value, i) => value === sitter.latent[i]);
  const decoded = unchanged ? sitter.own : await sitter.decode(latent);
  const change = calmed(sitter.change(decoded), model, taken(sitter.folds, {neutral, ...strengths}));
  return fold(refine(change, model.size), sitter.folds, {neutral, ...strengths});
}

/**
 * Draws an edit over a part of the photo.
 *
 * @param part {pixels, fromPhoto} of the photo
 * @param options flow: whether it is drawn as colors; quick: whether the pixels are read by the bicubic kernel alone; grain: of
 *   `grainOf`, if it is known
 * @returns {box: where in the part, pixels: ImageData}
 */
export async function draw(renderer, sitter, refined, part, {flow = false, quick = false, grain = null} = {}) {
  const toCrop = compose(sitter.toCrop, invert(part.fromPhoto));
  const bounds = part.pixels;
  const box = faceBox(toCrop, sitter.model.size, bounds.width, bounds.height);
  const reach = Math.ceil(0.25 * Math.max(box.width, box.height)) + 12;
  const source = sourceOf(part, grown(box, reach, bounds.width, bounds.height));
  const options = {bounds, quick, tone: sitter.tone, skin: skinOf(sitter), showFlow: flow, flowMaximum: FLOW_MAXIMUM * sitter.eyeDistance * part.fromPhoto.a};
  const noise = grain ?? grainOf(bounds, (piece) => cut(bounds, piece), refined, toCrop);
  return {box, pixels: await renderer.warp(source, refined, toCrop, box, {...options, ...noise})};
}

// The part of a part that the graphics card reads; kept, so that it is handed over once.
const sources = new WeakMap();

function sourceOf(part, {x, y, width, height}) {
  const known = sources.get(part);
  if (known && known.x === x && known.y === y && known.pixels.width === width && known.pixels.height === height) return known;
  const source = {pixels: cut(part.pixels, {x, y, width, height}), x, y};
  sources.set(part, source);
  return source;
}

/**
 * The grain around what is new, as the renderer takes it.
 *
 * @param picture with width and height
 * @param read gives the pixels of a box of the picture
 */
export function grainOf(picture, read, refined, toCrop) {
  const box = contentBox(refined, toCrop, picture);
  return box === null ? {} : measure(read(box), steepened(carried(refined.field, 2, refined, toCrop, box)));
}

/**
 * Draws an edit at the photo's own resolution, tile by tile.
 *
 * @returns an OffscreenCanvas of the whole photo
 */
export async function drawWhole(renderer, sitter, refined) {
  const {photo, toCrop, box, tone} = sitter;
  const skin = skinOf(sitter);
  const canvas = new OffscreenCanvas(photo.width, photo.height);
  const context = canvas.getContext('2d');
  if (context === null) throw new Refusal('This browser has no memory left for the picture. Close other tabs, or make the photo smaller.');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(photo.bitmap, 0, 0);
  const grain = grainOf(photo, (piece) => photo.part(piece).pixels, refined, toCrop);
  const reach = Math.ceil(longestMove(refined) / scaleOf(toCrop)) + 12;
  const tile = Math.min(TILE, Math.max(64, renderer.longestSide - 2 * reach));
  for (let y = box.y; y < box.y + box.height; y += tile) {
    for (let x = box.x; x < box.x + box.width; x += tile) {
      const place = {x, y, width: Math.min(tile, box.x + box.width - x), height: Math.min(tile, box.y + box.height - y)};
      const read = grown(place, reach, photo.width, photo.height);
      const source = {pixels: photo.part(read).pixels, x: read.x, y: read.y};
      context.putImageData(await renderer.warp(source, refined, toCrop, place, {bounds: photo, tone, skin, ...grain}), x, y);
    }
  }
  return canvas;
}

/** The longest displacement, crop px. */
function longestMove({field, side}) {
  let longest = 0;
  for (let i = 0; i < side * side; i++) longest = Math.max(longest, Math.hypot(field[4 * i], field[4 * i + 1]));
  return longest;
}

/** How colors are shaded: in a photo of one color all alike. */
function skinOf({tone}) {
  return tone === null ? SKIN : [1, 1, 1];
}
