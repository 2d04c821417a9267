// From one photo's face to another's (Algorithm 2).

import {carried, steepened} from './content.js';
import {compose, faceBox, grown, invert, scaleOf} from './geometry.js';
import {measure} from './grain.js';
import {anchored, mixed, secondShare} from './latent.js';
import {mix} from './mix.js';
import {clip} from './numbers.js';
import {cut} from './photo.js';
import {enlarge, faded, fineSide, refine} from './spline.js';
import {mixedTone, toned} from './tone.js';

const LARGEST_WHOLE = 1600; // px of the face in a saved picture

/**
 * Decodes the frame between two faces.
 *
 * A photo counts less where the content layer would cover it, and content is left where both would be covered.
 *
 * @param t how far from the first to the second, in [0, 1]
 */
export async function decode(first, second, t) {
  const {size} = first.model;
  const side = fineSide(size);
  const latent = mixed(first.latent, second.latent, t);
  const parts = [];
  for (const sitter of [first, second]) {
    const change = anchored(await sitter.decode(latent), sitter.own);
    const logits = await sitter.mask(latent);
    // alpha 1 is no confidence at all: what a photo does not have, the other one may.
    const sure = change.alpha ? logits.map((logit, i) => logit + Math.log(Math.max(1 - change.alpha[i], 1e-6))) : logits;
    parts.push({change, sure});
  }
  const [{change: one}, {change: other}] = parts;
  const map = new Float32Array(4 * side * side);
  const color = new Float32Array(4 * side * side);
  const put = (array, channel, values) => values.forEach((value, i) => { array[4 * i + channel] = value; });
  put(map, 0, enlarge(secondShare(parts[0].sure, parts[1].sure, t), size, side));
  put(map, 2, faded(new Float32Array(side * side).fill(1), side));
  if (one.alpha) {
    put(map, 1, enlarge(one.alpha.map((value, i) => Math.min(value, other.alpha[i])), size, side));
    for (const channel of [0, 1, 2]) {
      const plane = Float32Array.from({length: size * size}, (_, i) =>
        (1 - t) * one.color[3 * i + channel] + t * other.color[3 * i + channel]);
      put(color, channel, enlarge(plane, size, side));
    }
  }
  const moves = parts.map(({change}) => refine({...change, alpha: null}, size, false));
  return {t, size, side, map, color, moves};
}

/** The second photo's face, with about as many pixels as the first one has in its part. */
export function partOfSecond(second, first, firstPart) {
  const {photo, box, toCrop} = second;
  const scale = Math.min(1, scaleOf(toCrop) / scaleOf(first.toCrop) * firstPart.fromPhoto.a);
  const around = grown(box, Math.ceil(0.3 * Math.max(box.width, box.height)), photo.width, photo.height);
  return photo.part(around, scale);
}

/**
 * Draws a frame over a part of the first photo.
 *
 * @returns {box: where in the part, pixels: ImageData}
 */
export async function draw(renderer, first, second, frame, part, secondPart) {
  const toCrop = compose(first.toCrop, invert(part.fromPhoto));
  const secondToCrop = compose(second.toCrop, invert(secondPart.fromPhoto));
  const bounds = part.pixels;
  const box = faceBox(toCrop, frame.size, bounds.width, bounds.height);
  const below = cut(part.pixels, box);
  if (frame.t === 0) return {box, pixels: below};
  const read = grown(box, Math.ceil(0.25 * Math.max(box.width, box.height)) + 12, bounds.width, bounds.height);
  const warped = [
    await renderer.warp({pixels: cut(part.pixels, read), x: read.x, y: read.y}, frame.moves[0], toCrop, box, {bounds}),
    await renderer.warp({pixels: secondPart.pixels, x: 0, y: 0}, frame.moves[1], toCrop, box, {
      bounds: secondPart.pixels,
      toOther: compose(invert(secondToCrop), toCrop),
      turn: invert(secondToCrop),
    }),
  ];
  const [share, alpha, fade] = [0, 1, 2].map((channel) => carried(frame.map, channel, frame, toCrop, box));
  for (let i = 0; i < share.length; i++) share[i] = clip(share[i], 0, 1);
  const size = {width: box.width, height: box.height};
  const blended = mix(planes(warped[0]), planes(warped[1]), {...size, planes: [share]});
  const steep = steepened(alpha);
  const shown = toImage(blended, size);
  const {grain, light} = steep.some((value) => value > 0) ? measure(shown, steep) : {grain: 0, light: 1};
  const color = [0, 1, 2].map((channel) => carried(frame.color, channel, frame, toCrop, box));
  const tone = mixedTone(first.tone, second.tone, frame.t);
  for (let i = 0; i < steep.length; i++) {
    const own = color.map((plane) => clip(plane[i], -1, 1));
    const added = tone ? toned(own, tone) : own;
    const lighter = (1 + (added[0] + added[1] + added[2]) / 3) / light;
    const darker = Math.min(lighter, 1 / Math.max(lighter, 1) ** 3); // teeth are lighter and smoother
    const dot = grain * darker * renderer.noise(i % box.width, Math.floor(i / box.width));
    for (let c = 0; c < 3; c++) {
      const value = blended[c][i] + steep[i] * (127.5 * (added[c] + dot + 1) - blended[c][i]);
      below.data[4 * i + c] += Math.round(fade[i] * (clip(value, 0, 255) - below.data[4 * i + c]));
    }
  }
  return {box, pixels: below};
}

/**
 * Draws a frame over all of the first photo, reduced if its face is very large.
 *
 * @returns an OffscreenCanvas
 */
export async function drawWhole(renderer, first, second, frame) {
  const {photo, box} = first;
  const part = photo.part(photo.all, Math.min(1, LARGEST_WHOLE / Math.max(box.width, box.height)));
  const laid = await draw(renderer, first, second, frame, part, partOfSecond(second, first, part));
  const canvas = new OffscreenCanvas(part.pixels.width, part.pixels.height);
  const context = canvas.getContext('2d');
  context.putImageData(part.pixels, 0, 0);
  context.putImageData(laid.pixels, laid.box.x, laid.box.y);
  return canvas;
}

function planes({width, height, data}) {
  return {width, height, planes: [0, 1, 2].map((c) => Float32Array.from({length: width * height}, (_, i) => data[4 * i + c]))};
}

function toImage(channels, {width, height}) {
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = channels[c][i];
    image.data[4 * i + 3] = 255;
  }
  return image;
}
