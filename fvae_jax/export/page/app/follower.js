// A face that is followed through the pictures of a camera, and edited in each; runs in the worker.

import {alignedCrop} from './crop.js';
import {donorOf} from './donor.js';
import {draw, grainOf, wanted} from './edit.js';
import {skinLight, withTeeth} from './exemplar.js';
import {asTrained, glance, readEyes} from './finder.js';
import {fold, foldsOf, followed} from './folds.js';
import {fromPairs} from './geometry.js';
import {anchored} from './latent.js';
import {clip} from './numbers.js';
import {cut} from './photo.js';
import {SteadyEyes} from './register.js';
import {Renderer} from './renderer.js';
import {refine} from './spline.js';
import {toneOf} from './tone.js';

const SEARCHED = 320; // px of the picture in which a face is looked for
const FOLLOWED = 224; // px of the one in which it is followed
const SEARCH_AGAIN = 0.4; // s
const PATIENCE = 0.3; // s for which a face that is not seen counts as where it was
const APPEARING = 0.35; // s in which an edit comes in, or fades
const GRAIN_AGAIN = 15; // pictures

export class Follower {
  #model;
  #networks;
  #renderer = new Renderer();
  #canvas = new OffscreenCanvas(1, 1);
  #face = null; // what is known of the one that is followed
  #searched = -Infinity;
  #last = Promise.resolve(); // what is computed of one picture after the other

  /**
   * @param model of `model.read`
   * @param networks {detect, encode, decode}: faces of a picture, the latent of a crop, what a latent of the last crop decodes to
   */
  constructor(model, networks) {
    this.#model = model;
    this.#networks = networks;
  }

  /**
   * Edits a picture. The next one may be asked for before this one is drawn, which is the graphics card's work.
   *
   * @param frame ImageBitmap
   * @param time s
   * @param strengths by expression
   * @returns {laid: {box, pixels} or null for the picture as it is, eyes: where they count as, px, or null, times: ms by what was done}
   */
  async edit(frame, time, strengths) {
    const computed = this.#last.then(() => this.#compute(frame, time, strengths));
    this.#last = computed.catch(() => {});
    const {refined, pixels, face, clock} = await computed;
    if (refined === null) return {laid: null, eyes: face?.eyes ?? null, times: clock.times};
    const sitter = {toCrop: face.toCrop, model: this.#model, eyeDistance: 1, tone: face.tone};
    const part = {pixels, fromPhoto: {a: 1, b: 0, x: 0, y: 0}};
    const laid = await draw(this.#renderer, sitter, refined, part, {quick: true, grain: face.grain ?? {}});
    clock('draw');
    return {laid, eyes: face.eyes, times: clock.times};
  }

  /** What is to be drawn over a picture: `refined`, null for nothing, and what is known of the face now. */
  async #compute(frame, time, strengths) {
    const clock = stopwatch();
    const pixels = this.#read(frame);
    clock('read');
    await this.#follow({bitmap: frame, width: frame.width, height: frame.height}, pixels, time);
    clock('find');
    const face = this.#face;
    const scaled = face && Object.fromEntries(Object.entries(strengths).map(([name, value]) => [name, face.presence * value]));
    if (!face || Object.values(scaled).every((value) => value === 0)) return {refined: null, face, clock};
    const change = await this.#change(pixels, scaled, clock);
    const refined = fold(refine(change, this.#model.size), face.folds, scaled);
    clock('enlarge');
    if (face.pictures++ % GRAIN_AGAIN === 0 || face.grain === null) this.#measure(pixels, refined);
    return {refined, pixels, face: {...face}, clock};
  }

  close() {
    this.#renderer.release();
  }

  #read(frame) {
    const {width, height} = frame;
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, {width, height});
    const context = this.#canvas.getContext('2d', {willReadFrequently: true});
    context.drawImage(frame, 0, 0);
    return context.getImageData(0, 0, width, height);
  }

  /** Finds the face where it was, or looks for one now and then. */
  async #follow(picture, pixels, time) {
    const {detect} = this.#networks;
    if (this.#face === null) {
      if (time - this.#searched < SEARCH_AGAIN) return;
      this.#searched = time;
      const [found] = await glance(picture, detect, SEARCHED);
      if (!found) return;
      this.#face = {seen: found.eyes, last: time, time, presence: 0, steady: new SteadyEyes(), pictures: 0, grain: null};
    }
    const face = this.#face;
    const read = (about) => readEyes(picture, about, detect, FOLLOWED, true, [face.odd = !face.odd]);
    let eyes = await read(face.seen);
    if (!eyes && time - this.#searched >= SEARCH_AGAIN) { // it may have moved too fast, or there is another one
      this.#searched = time;
      const [found] = await glance(picture, detect, SEARCHED);
      eyes = found && await read(found.eyes);
    }
    if (eyes) {
      face.seen = face.steady.next(pixels, eyes);
      face.last = time;
      face.eyes = asTrained(face.seen);
      face.toCrop = fromPairs(face.eyes, this.#model.goals);
    }
    const step = (time - face.time) / APPEARING;
    face.presence = clip(face.presence + (time - face.last < PATIENCE ? step : -step), 0, 1);
    face.time = time;
    if (!face.eyes || (face.presence === 0 && !eyes)) this.#face = null;
  }

  /** What the edit changes in the crop, with the teeth that the face got when it was first seen. */
  async #change(pixels, strengths, clock) {
    const {size, goals} = this.#model;
    const face = this.#face;
    const crop = alignedCrop(pixels, face.toCrop, size, true);
    clock('crop');
    const {decode} = this.#networks;
    const latent = await this.#networks.encode(crop);
    clock('encode');
    const own = await decode(latent);
    if (face.light === undefined) {
      face.light = skinLight(crop, size, goals);
      face.tone = toneOf(crop, size);
      face.donor = await donorOf(this.#model, {latent, own, light: face.light}, decode);
      face.folds = await foldsOf(this.#model, {latent, own, light: face.light}, decode);
    } else if (face.folds !== null) face.folds = followed(face.folds, this.#model, latent);
    const change = anchored(await decode(wanted(latent, this.#model, strengths)), own);
    clock('decode');
    const toothed = withTeeth(change, this.#model, face);
    clock('teeth');
    return toothed;
  }

  #measure(pixels, refined) {
    const found = grainOf(pixels, (piece) => cut(pixels, piece), refined, this.#face.toCrop);
    if ('grain' in found) this.#face.grain = found;
  }
}

/** A function that notes how long what was just done took. */
function stopwatch() {
  let start = performance.now();
  const clock = (name) => {
    const now = performance.now();
    clock.times[name] = now - start;
    start = now;
  };
  clock.times = {};
  return clock;
}
