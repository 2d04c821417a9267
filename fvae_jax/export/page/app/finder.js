// Finding faces in a photo, and their eyes well enough for the crop.

import {SIDE} from './detector.js';
import {apply, fromPairs, invert} from './geometry.js';

const SHARES = [1, 0.4]; // of the network's picture that the photo fills: faces that fill the photo are found in the second
const MOST = 6; // faces to choose from
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

/**
 * Finds the faces of a photo.
 *
 * @param photo with bitmap, width and height
 * @param detect gives what the network finds in a picture
 * @param side of the picture: smaller ones are looked through sooner
 * @returns [{eyes: [[x, y] left of the picture, [x, y] right], turn}] in photo px, largest first;
 *   turn as `detector.faces` has it
 */
export async function find(photo, detect, side = SIDE) {
  const longest = Math.max(photo.width, photo.height);
  for (const share of SHARES) {
    const a = share * side / longest;
    const placed = {a, b: 0, x: (side - a * (photo.width - 1)) / 2, y: (side - a * (photo.height - 1)) / 2};
    const found = await detect(picture(photo, placed, side));
    const back = invert(placed);
    const faces = found.map(({turn, eyes}) => ({turn, eyes: eyes.map((eye) => apply(back, eye))}));
    if (faces.length) return faces.slice(0, MOST);
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
