// The tone of a photo of one color, gray or sepia, which new content takes; as editing/tone.py has it.

import {blurred} from './blur.js';
import {clip} from './numbers.js';

const LUMA = [0.299, 0.587, 0.114]; // of the coded values, as they are made gray
const LEVELS = 32;
const BLUR = 1.5 / 128; // of the crop's side: what JPEG stores of chroma is as coarse
const [ONE_COLOR, COLORED] = [2.1, 3]; // of 255, the deviation of a face from the color of its brightness
export const STEPS = 256; // of the brightness, in a table

/**
 * Finds which color goes with which brightness in a face.
 *
 * @param crop size × size × 3, RGB in [-1, 1]
 * @returns {levels: growing, offsets: three channels' color less brightness at them, share: how far the photo is of one
 *   color}, or null where the face has colors of its own
 */
export function toneOf(crop, size) {
  if (crop.every((value, i) => value === crop[i - i % 3])) return {levels: [0], offsets: [[0], [0], [0]], share: 1};
  const planes = [0, 1, 2].map((c) => blurred(Float32Array.from({length: size * size}, (_, i) => crop[3 * i + c]), size, size, BLUR * size));
  const luma = planes[0].map((_, i) => LUMA[0] * planes[0][i] + LUMA[1] * planes[1][i] + LUMA[2] * planes[2][i]);
  const offsets = planes.map((plane) => plane.map((value, i) => value - luma[i]));
  // Parts with as many pixels each, since some brightnesses are rare.
  const order = Uint32Array.from(luma.keys()).sort((one, other) => luma[one] - luma[other]);
  const parts = Array.from({length: LEVELS}, (_, n) => order.subarray(...[n, n + 1].map((end) => Math.round(end * order.length / LEVELS))));
  const levels = parts.map((part) => part.reduce((sum, i) => sum + luma[i], 0) / part.length);
  const middle = offsets.map((plane) => parts.map((part) => median(part, plane)));
  let squares = 0;
  middle.forEach((line, c) => luma.forEach((value, i) => { squares += (offsets[c][i] - between(value, levels, line)) ** 2; }));
  const deviation = 127.5 * Math.sqrt(squares / (3 * luma.length));
  const share = clip((COLORED - deviation) / (COLORED - ONE_COLOR), 0, 1);
  return share > 0 ? {levels, offsets: middle, share} : null;
}

function median(places, values) {
  const sorted = Float32Array.from(places, (i) => values[i]).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** Linear between the points of a line, constant beyond its ends. */
function between(value, levels, line) {
  if (value <= levels[0]) return line[0];
  const next = levels.findIndex((level) => level >= value);
  if (next < 0) return line[line.length - 1];
  const t = (value - levels[next - 1]) / Math.max(levels[next] - levels[next - 1], 1e-9);
  return (1 - t) * line[next - 1] + t * line[next];
}

/** The tone of a picture between two; null where one of them has colors of its own. */
export function mixedTone(first, second, t) {
  if (!first || !second) return null;
  const levels = [...new Set([...first.levels, ...second.levels])].sort((one, other) => one - other);
  const offsets = [0, 1, 2].map((c) => levels.map((level) =>
    (1 - t) * between(level, first.levels, first.offsets[c]) + t * between(level, second.levels, second.offsets[c])));
  return {levels, offsets, share: (1 - t) * first.share + t * second.share};
}

/** Offsets at `STEPS` brightnesses from -1 to 1, four numbers each, for the shader. */
export function tableOf({levels, offsets}) {
  const table = new Float32Array(4 * STEPS);
  for (let i = 0; i < STEPS; i++) {
    offsets.forEach((line, c) => { table[4 * i + c] = between(2 * i / (STEPS - 1) - 1, levels, line); });
  }
  return table;
}

/** Gives a color, RGB in [-1, 1], a tone; as bright as it was. */
export function toned(color, {levels, offsets, share}) {
  const luma = LUMA[0] * color[0] + LUMA[1] * color[1] + LUMA[2] * color[2];
  return color.map((value, c) => share * clip(luma + between(luma, levels, offsets[c]), -1, 1) + (1 - share) * value);
}
