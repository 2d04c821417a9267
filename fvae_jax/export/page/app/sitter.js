// One face of one photo, aligned and encoded.

import {ask} from './networks.js';
import {alignedCrop} from './crop.js';
import {donorOf} from './donor.js';
import {skinLight, withTeeth} from './exemplar.js';
import {compose, faceBox, fromPairs, grown, invert} from './geometry.js';
import {eyesOf, find} from './finder.js';
import {foldsOf} from './folds.js';
import {openingOf} from './inside.js';
import {anchored} from './latent.js';
import {isOpen} from './mouth.js';
import {parted} from './parting.js';
import {Refusal} from './photo.js';
import {toneOf} from './tone.js';

const LARGEST_PART = 1024; // px: larger faces are reduced before the crop is made of them

const SMALL = 40; // px: what an edit makes of a face that is less wide is coarse
const CUT = 0.1; // of a face: with more of it outside of the photo an edit goes wrong
const TURNED = 0.3; // where the nose is, in distances between the eyes from their middle

const detect = (picture) => ask('detect', picture);

let keys = 0;

export class Sitter {
  /** Finds the faces of a photo and takes the largest. */
  static async of(photo, model) {
    const faces = await find(photo, detect);
    if (!faces.length) {
      throw new Refusal('No face was found in this photo. Take one in which a face with both eyes is seen whole; enlarge a small one, and leave some room around one that is cut tightly.');
    }
    const sitter = new Sitter(photo, faces, model);
    await sitter.choose(0);
    return sitter;
  }

  constructor(photo, faces, model) {
    Object.assign(this, {photo, faces, model, exemplars: model.exemplars, wanted: model.exemplars, choices: 0, wishes: 0, last: Promise.resolve(), number: 0, key: `face ${++keys}`});
  }

  /** Takes another of the faces; gives false if one was taken after it. */
  async choose(number) {
    const mine = ++this.wishes;
    const eyes = await eyesOf(this.photo, this.faces[number], detect);
    if (mine !== this.wishes) return false;
    await this.place(eyes, this.model.exemplars); // it may be another person
    this.number = number;
    return mine === this.wishes;
  }

  /**
   * Aligns and encodes the face by its eyes.
   *
   * @param eyes [[x, y] left of the picture, [x, y] right], photo px
   * @param exemplars of teeth; those that were chosen last
   */
  place(eyes, exemplars = null) {
    const placed = this.last.then(() => this.#place(eyes, exemplars ?? this.wanted));
    this.last = placed.catch(() => {}); // what the networks know is of one place at a time
    return placed;
  }

  async #place(eyes, exemplars) {
    const {photo, key, model: {size, goals}} = this;
    const toCrop = fromPairs(eyes, goals);
    const box = faceBox(toCrop, size, photo.width, photo.height);
    if (!box.width || !box.height) throw new Refusal('The eyes lie outside the photo. Move them onto the face.');
    const around = grown(box, Math.ceil(0.05 * Math.max(box.width, box.height)) + 8, photo.width, photo.height);
    const {pixels, fromPhoto} = photo.part(around, Math.min(1, LARGEST_PART / Math.max(around.width, around.height)));
    const crop = alignedCrop(pixels, compose(toCrop, invert(fromPhoto)), size);
    const latent = await ask('encode', {key, crop});
    const own = await ask('decode', {key, latent});
    Object.assign(this, {eyes, toCrop, box, crop, latent, own, light: skinLight(crop, size, goals), tone: toneOf(crop, size)});
    await this.wear(exemplars);
    this.folds = await foldsOf(this.model, this, (other) => this.decode(other));
    this.slit = null;
    if (!own.alpha_logit) return;
    const opening = await openingOf(this);
    if (!isOpen(opening, this.model)) this.slit = opening;
  }

  /** Takes teeth from exemplars: of `inside.teethOf`, or the model's own. */
  async wear(exemplars) {
    const mine = ++this.choices;
    this.wanted = exemplars;
    const donor = await donorOf({...this.model, exemplars}, this, (latent) => this.decode(latent));
    if (mine === this.choices) Object.assign(this, {exemplars, donor}); // else others were chosen meanwhile
  }

  /** What an edit changes, of the decoded latent. */
  change(decoded) {
    const change = withTeeth(anchored(decoded, this.own), {...this.model, exemplars: this.exemplars}, this);
    if (!change.alpha) return change;
    return {...change, displacement: parted(change.displacement, change.alpha, this, this.model)};
  }

  /** Why edits will not look as they should, as sentences for people; empty where they will. */
  get doubts() {
    const {turn, width, outside} = this.faces[this.number];
    return [
      Math.abs(turn) > TURNED ? 'The face is turned; one that looks into the camera is edited better.' : '',
      width < SMALL ? `The face is ${Math.round(width)} px wide, and under ${SMALL} px an edit is coarse; take a larger copy of the photo.` : '',
      outside > CUT ? 'The face is cut off by the edge of the photo; take one with room around it.' : '',
    ].filter(Boolean).join(' ');
  }

  /** The distance between the eyes, photo px. */
  get eyeDistance() {
    const [[x0, y0], [x1, y1]] = this.eyes;
    return Math.hypot(x1 - x0, y1 - y0);
  }

  decode(latent) {
    return ask('decode', {key: this.key, latent});
  }

  mask(latent) {
    return ask('mask', {key: this.key, latent});
  }

  /** Gives the memory back. */
  close() {
    this.photo.close();
    ask('forget', this.key);
  }
}
