// Finding faces in a photo, and their eyes well enough for the crop.

import {SIDE} from './detector.js';
import {apply, fromPairs, invert, scaleOf} from './geometry.js';

// The photo is searched in three sizes, as the package does it (data/detect.py): in parts of twice the network's picture, in one,
// and smaller, for faces that fill the photo.
const PARTS = 1280; // px: the photo's longest side when it is searched in parts
const OVERLAP = 96; // px of these parts: no face that is found in them is cut by all
const SHARES = [1, 0.4]; // of the network's picture that the photo fills
// What is found must be found again, upright, with its eyes here; a face that is not upright after all is less sure.
const AGAIN_EYES = [[279.5, 304.5], [359.5, 304.5]];
const AGAIN_FARTHEST = 40; // px from there
const AGAIN_LEAST = 0.7;
const SURE = 0.9;
const SAME = 0.7; // of the larger distance between the eyes: one face, found twice
const MOST = 24; // faces to choose from
// Eyes are read again on an upright picture in which they are here, and on its mirror image: of 40 portraits, the mean error falls
// from 1.5 to 0.9 px of a crop of 128.
const PATCH_EYES = [[240, 290], [400, 290]];
const ROUNDS = 2;
const FARTHEST = 80; // px from there: another face
const FASTEST = 240; // px from there: so far may a face have moved from one picture of a camera to the next
// From YuNet's eyes to those of the package (dlib's: the middle of the corners), in distances between the eyes.
const OUTWARD = 0.019;
const DOWN = 0.042;

/** The picture that the network takes, of a photo under a similarity; or its mirror image. */
function picture(photo, placed, side, mirrored = false) {
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.imageSmoothingQuality = 'high';
  const {a, b} = placed;
  // Corners of pixels are whole in a canvas, centers here.
  const [left, top] = apply(placed, [-0.5, -0.5]);
  if (mirrored) context.setTransform(-1, 0, 0, 1, side, 0);
  context.transform(a, b, -b, a, left + 0.5, top + 0.5);
  context.drawImage(photo.bitmap, 0, 0);
  return context.getImageData(0, 0, side, side);
}

/** The similarities that bring a photo, turned to the left by so many quarters, to the pictures that are searched. */
function views({width, height}, turns) {
  const longest = Math.max(width, height);
  const [cos, sin] = [[1, 0], [0, -1], [-1, 0], [0, 1]][turns];
  const placed = SHARES.map((share) => {
    const scale = share * SIDE / longest;
    const [a, b] = [scale * cos, scale * sin];
    const [x, y] = [(width - 1) / 2, (height - 1) / 2];
    return {a, b, x: (SIDE - 1) / 2 - a * x + b * y, y: (SIDE - 1) / 2 - b * x - a * y};
  });
  if (turns || longest <= SIDE) return placed;
  const a = Math.min(1, PARTS / longest);
  const starts = (side) => {
    const count = Math.max(1, Math.ceil((a * side - OVERLAP) / (SIDE - OVERLAP)));
    return count === 1 ? [(a * side - SIDE) / 2] : Array.from({length: count}, (_, i) => i * (a * side - SIDE) / (count - 1));
  };
  const half = (a - 1) / 2; // pixel centers are whole numbers
  for (const top of starts(height)) for (const left of starts(width)) placed.push({a, b: 0, x: half - left, y: half - top});
  return placed;
}

/** The share of a box [left, top, right, bottom] in an upright picture that lies outside of the photo. */
function outside([left, top, right, bottom], placed, {width, height}) {
  const corners = [[left, top], [right, top], [left, bottom], [right, bottom]].map((corner) => apply(invert(placed), corner));
  const shares = [width, height].map((side, axis) => {
    const places = corners.map((corner) => corner[axis]);
    const [low, high] = [Math.min(...places), Math.max(...places)];
    return Math.max(Math.min(high, side) - Math.max(low, 0), 0) / (high - low);
  });
  return 1 - shares[0] * shares[1];
}

/** A face found at these eyes, found again on an upright picture; nothing if it is none. */
async function again(photo, eyes, detect) {
  const placed = fromPairs(eyes, AGAIN_EYES);
  const scale = scaleOf(placed);
  if (!Number.isFinite(scale)) return null;
  const [[x0, y0], [x1, y1]] = AGAIN_EYES;
  const distance = ({eyes: [left, right]}) => Math.hypot(left[0] + right[0] - x0 - x1, left[1] + right[1] - y0 - y1) / 2;
  const seen = (await detect(picture(photo, placed, SIDE)))
    .filter((face) => face.score >= AGAIN_LEAST && distance(face) < AGAIN_FARTHEST)
    .sort((one, other) => distance(one) - distance(other))[0];
  if (!seen) return null;
  const {score, turn, box} = seen;
  return {score, turn, width: (box[2] - box[0]) / scale, outside: outside(box, placed, photo), eyes: seen.eyes.map((eye) => apply(invert(placed), eye))};
}

async function search(photo, turns, detect) {
  const faces = [];
  for (const placed of views(photo, turns)) {
    const back = invert(placed);
    for (const {eyes} of await detect(picture(photo, placed, SIDE))) {
      const at = eyes.map((eye) => apply(back, eye));
      if (faces.some((face) => face.score >= SURE && same(face, {eyes: at}))) continue;
      const face = await again(photo, at, detect);
      if (face) faces.push(face);
    }
  }
  return faces;
}

/** Whether two finds are one face. */
function same(...faces) {
  const [one, other] = faces.map(({eyes: [[x0, y0], [x1, y1]]}) => [(x0 + x1) / 2, (y0 + y1) / 2, Math.hypot(x1 - x0, y1 - y0)]);
  return Math.hypot(one[0] - other[0], one[1] - other[1]) < SAME * Math.max(one[2], other[2]);
}

/**
 * Finds the faces of a photo; those that lie on their side or upside down where none is upright.
 *
 * @param photo with bitmap, width and height
 * @param detect gives what the network finds in a picture
 * @returns [{eyes: [[x, y] left of the upright face, [x, y] right], turn, score, width, outside}] in photo px, widest
 *   first; turn as `detector.faces` has it, outside the share of the face that the photo cuts off
 */
export async function find(photo, detect) {
  const faces = await search(photo, 0, detect);
  if (!faces.some(({score}) => score >= SURE)) for (const turns of [1, 2, 3]) faces.push(...await search(photo, turns, detect));
  const kept = [];
  for (const face of faces.sort((one, other) => other.score - one.score)) {
    if (!kept.some((other) => same(face, other))) kept.push(face);
  }
  return kept.sort((one, other) => other.width - one.width).slice(0, MOST);
}

/**
 * Finds the largest faces of a picture of a camera, upright and not far away: sooner than `find`.
 *
 * @param side of the network's picture, px
 * @returns [{eyes, turn}] as of `find`
 */
export async function glance(photo, detect, side) {
  const longest = Math.max(photo.width, photo.height);
  for (const share of SHARES) {
    const a = share * side / longest;
    const placed = {a, b: 0, x: (side - a * (photo.width - 1)) / 2, y: (side - a * (photo.height - 1)) / 2};
    const found = await detect(picture(photo, placed, side));
    const back = invert(placed);
    if (found.length) return found.map(({turn, eyes}) => ({turn, eyes: eyes.map((eye) => apply(back, eye))}));
  }
  return [];
}

/** How far from its place in the upright picture a face is, px of `SIDE`. */
function astray({eyes: [left, right]}, side) {
  const [[x0, y0], [x1, y1]] = upright(side);
  return SIDE / side * Math.hypot(left[0] + right[0] - x0 - x1, left[1] + right[1] - y0 - y1) / 2;
}

/** Where the eyes are in an upright picture. */
function upright(side) {
  return PATCH_EYES.map((eye) => eye.map((place) => place * side / SIDE));
}

/**
 * Eyes read on an upright picture of a face, on its mirror image, or on both: what is wrong with the one is wrong with the other
 * the other way round.
 *
 * @param eyes where they are about, photo px
 * @param side of that picture
 * @param moving whether they may have moved
 * @param ways false for the picture, true for its mirror image
 * @returns the same, where they are; null if there is no face
 */
export async function readEyes(photo, eyes, detect, side = SIDE, moving = false, ways = [false, true]) {
  const placed = fromPairs(eyes, upright(side));
  const readings = [];
  for (const mirrored of ways) {
    let found = await detect(picture(photo, placed, side, mirrored));
    if (mirrored) found = found.map(({eyes: [left, right]}) => ({eyes: [right, left].map(([x, y]) => [side - 1 - x, y])}));
    found = found.filter((other) => astray(other, side) < (moving ? FASTEST : FARTHEST)).sort((one, other) => astray(one, side) - astray(other, side));
    readings.push(...found.slice(0, 1));
  }
  if (!readings.length) return null;
  const mean = (n, axis) => readings.reduce((sum, reading) => sum + reading.eyes[n][axis], 0) / readings.length;
  return [0, 1].map((n) => apply(invert(placed), [mean(n, 0), mean(n, 1)]));
}

/** The eyes as the package has them, of those that YuNet sees. */
export function asTrained([[x0, y0], [x1, y1]]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const moved = (x, y, outward) => [x + outward * dx - DOWN * dy, y + outward * dy + DOWN * dx];
  return [moved(x0, y0, -OUTWARD), moved(x1, y1, OUTWARD)];
}

/** The eyes of a face that `find` found, read again on an upright picture of it. */
export async function eyesOf(photo, face, detect) {
  let {eyes} = face;
  for (let round = 0; round < ROUNDS; round++) {
    const read = await readEyes(photo, eyes, detect);
    if (read === null) break;
    eyes = read;
  }
  return asTrained(eyes);
}
