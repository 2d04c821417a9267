// The inside of a mouth that is open; as editing/mouth.py has it.

import {blurred} from './blur.js';
import {BACKGROUND, divide, FOREGROUND, PERHAPS_BACKGROUND, PERHAPS_FOREGROUND} from './grabcut.js';
import {largestPatch} from './patches.js';
import {enlarge} from './spline.js';

const OPEN = 0.5; // opening from which a pixel of the crop lies between the lips
const LEAST = 0.012; // squared eye distances: what is smaller is a closed mouth
const TOOTHY = 0.03; // squared eye distances: what is smaller shows a line of teeth at most
const DOUBT = 0.07; // eye distances by which an opening may be wrong
const ROUNDS = 3; // of GrabCut
const DARK = 0.5; // of the light around a mouth: what is darker lies between the lips
const [RED, SHADED] = [9, 0.3]; // a lip has more of a* by the first, and more than this of the light around
const PALE = 4; // by which a* of teeth is less than that of lips and skin around them, where they are lighter

/** Whether lips are apart. */
export function isOpen(opening, model) {
  return area(opening, model) > LEAST;
}

/** Whether lips are far enough apart for teeth. */
export function mayShowTeeth(opening, model) {
  return area(opening, model) > TOOTHY;
}

function area(opening, {goals}) {
  return opening.filter((value) => value > OPEN).length / (goals[1][0] - goals[0][0]) ** 2;
}

/**
 * Lets the edge of an opening follow the edge of the lips in a finer crop.
 *
 * @param opening of an open mouth, size × size in [0, 1]
 * @param crop the face with `side` px, RGB in [-1, 1]
 * @param model with size and goals
 * @returns Float32Array of side × side in [0, 1]
 */
export function refined(opening, crop, side, {size, goals}) {
  const within = Uint8Array.from(enlarge(opening, size, side), (value) => Number(value > OPEN));
  const doubt = Math.max(1, Math.round(DOUBT * (goals[1][0] - goals[0][0]) * side / size));
  const disk = diskOf(doubt);
  const widest = spread(within, side, side, disk, 1);
  const box = boxOf(widest, side, 2 * doubt);
  const {width, height} = box;
  const part = (map) => Uint8Array.from({length: width * height}, (_, i) => map[(box.y + Math.floor(i / width)) * side + box.x + i % width]);
  const [open, wide, sure] = [within, widest, spread(within, side, side, disk, 0)].map(part);
  const pixels = new Uint8Array(3 * width * height);
  const [light, red] = [new Float32Array(width * height), new Float32Array(width * height)];
  for (let i = 0; i < width * height; i++) {
    const at = (box.y + Math.floor(i / width)) * side + box.x + i % width;
    for (const c of [0, 1, 2]) pixels[3 * i + c] = Math.round(127.5 * (crop[3 * at + c] + 1));
    [light[i], red[i]] = lab(pixels.subarray(3 * i, 3 * i + 3));
  }
  const [usualLight, usualRed] = [light, red].map((values) => median(values.filter((_, i) => wide[i] && !open[i])));
  const dark = light.map((value) => Number(value < DARK * usualLight));
  const lips = medianOf25(red, width, height).map((value, i) => Number(value > usualRed + RED && light[i] > SHADED * usualLight));
  const marks = Uint8Array.from(open, (value, i) => {
    if (sure[i]) return FOREGROUND;
    if (!wide[i] || lips[i]) return BACKGROUND;
    const pale = light[i] > usualLight && red[i] < usualRed - PALE;
    return value || dark[i] || pale ? PERHAPS_FOREGROUND : PERHAPS_BACKGROUND;
  });
  const count = (map) => map.reduce((sum, value) => sum + value, 0);
  let found = divide(pixels, width, height, marks, ROUNDS).map((value, i) => value | (dark[i] & wide[i] & (1 - lips[i])));
  if (count(found) < count(open) / 2) found = found.map((value, i) => value | open[i]); // teeth of the color of lips
  // Along the lips alone: highlights on them look like teeth.
  const along = [-1, 0, 1].map((row) => [row, doubt]);
  found = spread(spread(found, width, height, along, 1), width, height, along, 0);
  const fine = new Float32Array(side * side);
  for (const i of largestPatch(found, width, OPEN)) fine[(box.y + Math.floor(i / width)) * side + box.x + i % width] = 1;
  const soft = blurred(fine, side, side, 1);
  return soft.some((value) => value > OPEN) ? soft : Float32Array.from(within); // a thread vanishes
}

/** A disk as rows: [row, reach to both sides]. */
function diskOf(radius) {
  return Array.from({length: 2 * radius + 1}, (_, i) => [i - radius, Math.round(Math.sqrt(radius ** 2 - (i - radius) ** 2))]);
}

/** Lets the ones of a map of zeros and ones (or, with `value` 0, the zeros) grow by a shape. */
function spread(map, width, height, shape, value) {
  const out = map.slice();
  for (let y = 0; y < height; y++) {
    const row = map.subarray(y * width, (y + 1) * width);
    for (let start = row.indexOf(value), end; start >= 0; start = row.indexOf(value, end)) { // run by run
      end = row.indexOf(1 - value, start);
      if (end < 0) end = width;
      for (const [down, reach] of shape) {
        if (y + down < 0 || y + down >= height) continue;
        const line = (y + down) * width;
        out.fill(value, line + Math.max(start - reach, 0), line + Math.min(end + reach, width));
      }
    }
  }
  return out;
}

/** The box of the ones of a square map, and `room` around it. */
function boxOf(map, side, room) {
  let [x0, y0, x1, y1] = [side, side, 0, 0];
  map.forEach((value, i) => {
    if (!value) return;
    const [x, y] = [i % side, Math.floor(i / side)];
    [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)];
  });
  [x0, y0] = [Math.max(x0 - room, 0), Math.max(y0 - room, 0)];
  return {x: x0, y: y0, width: Math.min(x1 + room + 1, side) - x0, height: Math.min(y1 + room + 1, side) - y0};
}

/** Of every pixel of a plane the median of the 5 × 5 around it, its border repeated; of whole numbers, as OpenCV's. */
function medianOf25(values, width, height) {
  const whole = values.map(Math.round);
  const inside = (i, side) => Math.min(Math.max(i, 0), side - 1);
  const near = new Float32Array(25);
  return whole.map((_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    for (let n = 0; n < 25; n++) near[n] = whole[inside(y + Math.floor(n / 5) - 2, height) * width + inside(x + n % 5 - 2, width)];
    return near.sort()[12];
  });
}

function median(values) {
  const sorted = values.sort();
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/** L* as a share of 255, and a*, of a color of 255 (sRGB). */
function lab(color) {
  const [r, g, b] = Array.from(color, (value) => (value > 10.31475 ? ((value / 255 + 0.055) / 1.055) ** 2.4 : value / 3294.6));
  const curve = (t) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  const x = curve((0.412453 * r + 0.357580 * g + 0.180423 * b) / 0.950456);
  const y = curve(0.212671 * r + 0.715160 * g + 0.072169 * b);
  return [2.55 * (116 * y - 16), 500 * (x - y)];
}
