// YuNet: from a square picture, its side a multiple of 32 px, to faces with eyes.

import {clip} from './numbers.js';

const STRIDES = [8, 16, 32];
const LEAST_SCORE = 0.5; // at which it is worth looking again
const MOST_OVERLAP = 0.3;

export const SIDE = 640; // px of the picture in which faces are looked for, and eyes are read best

/** Blue, green, red in [0, 255], as the network was taught; from ImageData. */
export function input({data, width, height}) {
  const plane = width * height;
  const values = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    values[i] = data[4 * i + 2];
    values[plane + i] = data[4 * i + 1];
    values[2 * plane + i] = data[4 * i];
  }
  return values;
}

/**
 * Reads what the network found.
 *
 * @param outputs arrays by name: cls_, obj_, bbox_ and kps_ with each of the strides
 * @param side of the picture, px
 * @returns [{score, box: [x0, y0, x1, y1], eyes: [[x, y] left of the picture, [x, y] right],
 *   turn}] in px, largest first; turn is about 0 for a face that looks into the camera, and beyond ±0.5 for one in profile
 */
export function faces(outputs, side) {
  const found = [];
  for (const stride of STRIDES) {
    const columns = side / stride;
    const [cls, obj, bbox, kps] = ['cls', 'obj', 'bbox', 'kps'].map((name) => outputs[`${name}_${stride}`]);
    for (let i = 0; i < columns * columns; i++) {
      const score = Math.sqrt(clip(cls[i], 0, 1) * clip(obj[i], 0, 1));
      if (score < LEAST_SCORE) continue;
      const column = i % columns;
      const row = Math.floor(i / columns);
      const x = (column + bbox[4 * i]) * stride;
      const y = (row + bbox[4 * i + 1]) * stride;
      const width = Math.exp(bbox[4 * i + 2]) * stride;
      const height = Math.exp(bbox[4 * i + 3]) * stride;
      const point = (n) => [(column + kps[10 * i + 2 * n]) * stride, (row + kps[10 * i + 2 * n + 1]) * stride];
      found.push({
        score,
        box: [x - width / 2, y - height / 2, x + width / 2, y + height / 2],
        eyes: [point(0), point(1)].sort((one, other) => one[0] - other[0]),
        nose: point(2),
      });
    }
  }
  found.sort((one, other) => other.score - one.score);
  const kept = [];
  for (const face of found) {
    const same = kept.find((other) => overlap(face.box, other.box) > MOST_OVERLAP);
    if (same) same.readings.push(face);
    else kept.push({...face, readings: [face]});
  }
  for (const face of kept) {
    face.turn = turn(face);
    face.eyes = [0, 1].map((n) => [0, 1].map((axis) => weighted(face.readings, n, axis)));
  }
  const area = ({box: [x0, y0, x1, y1]}) => (x1 - x0) * (y1 - y0);
  return kept.map(({readings, nose, ...face}) => face).sort((one, other) => area(other) - area(one));
}

/** How far the nose is from the middle between the eyes, along their line, in distances between them. */
function turn({eyes: [[x0, y0], [x1, y1]], nose: [x, y]}) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  return ((x - (x0 + x1) / 2) * dx + (y - (y0 + y1) / 2) * dy) / Math.max(dx * dx + dy * dy, 1e-6);
}

/** The mean of several readings of an eye: each cell of the network around a face has one, and errors of its own. */
function weighted(readings, eye, axis) {
  const sum = readings.reduce((total, {score}) => total + score, 0);
  return readings.reduce((total, {score, eyes}) => total + score * eyes[eye][axis], 0) / sum;
}

/** The area of both boxes' intersection over that of their union. */
function overlap([x0, y0, x1, y1], [u0, v0, u1, v1]) {
  const width = Math.max(Math.min(x1, u1) - Math.max(x0, u0), 0);
  const height = Math.max(Math.min(y1, v1) - Math.max(y0, v0), 0);
  const both = width * height;
  return both / ((x1 - x0) * (y1 - y0) + (u1 - u0) * (v1 - v0) - both);
}
