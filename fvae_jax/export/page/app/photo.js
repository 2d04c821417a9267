// A photo in memory, and parts of it as pixels.

import {invert} from './geometry.js';

const MOST_PIXELS = 60e6;
const LONGEST_SIDE = 16000; // px: what canvases of common browsers hold

/** What went wrong, for the person at the screen. */
export class Refusal extends Error {}

export class Photo {
  /**
   * @param blob the file
   * @param name for the file that is saved
   */
  static async open(blob, name) {
    let bitmap;
    try {
      bitmap = await createImageBitmap(blob);
    } catch {
      throw new Refusal('This file is not a photo that this browser can read. JPEG, PNG and WebP work everywhere.');
    }
    const photo = new Photo(bitmap, blob, name);
    await photo.#reduce();
    return photo;
  }

  constructor(bitmap, blob, name) {
    Object.assign(this, {bitmap, blob, name, note: ''});
  }

  get width() {
    return this.bitmap.width;
  }

  get height() {
    return this.bitmap.height;
  }

  /** The box of the whole photo. */
  get all() {
    return {x: 0, y: 0, width: this.width, height: this.height};
  }

  async #reduce() {
    const {width, height} = this;
    const ratio = Math.min(1, Math.sqrt(MOST_PIXELS / (width * height)), LONGEST_SIDE / Math.max(width, height));
    if (ratio === 1) return;
    const size = {resizeWidth: Math.floor(width * ratio), resizeHeight: Math.floor(height * ratio)};
    let smaller;
    try {
      smaller = await createImageBitmap(this.bitmap, {...size, resizeQuality: 'high'});
    } catch {
      throw new Refusal(`This photo has ${megapixels(width, height)} megapixels, more than this browser can hold. Make it smaller first.`);
    } finally {
      this.bitmap.close();
    }
    this.bitmap = smaller;
    this.note = `The photo had ${megapixels(width, height)} megapixels and was reduced to ${megapixels(this.width, this.height)}.`;
  }

  /**
   * A part of the photo, over white where the photo is transparent.
   *
   * @param box {x, y, width, height}, photo px; may be fractions
   * @param scale at most 1: pixels of the part for a pixel of the photo
   * @returns {pixels: ImageData, fromPhoto: similarity, photo px to px of the part}
   */
  part(box, scale = 1) {
    const width = Math.max(1, Math.round(box.width * scale));
    const height = Math.max(1, Math.round(box.height * scale));
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d', {willReadFrequently: true});
    if (context === null) throw new Refusal('This browser has no memory left for the photo. Close other tabs, or make the photo smaller.');
    context.fillStyle = '#fff';
    context.fillRect(0, 0, width, height);
    context.imageSmoothingQuality = 'high';
    context.drawImage(this.bitmap, box.x, box.y, width / scale, height / scale, 0, 0, width, height);
    const shift = (start) => (0.5 - start) * scale - 0.5;
    return {pixels: context.getImageData(0, 0, width, height), fromPhoto: {a: scale, b: 0, x: shift(box.x), y: shift(box.y)}};
  }

  /** Gives the memory of the pixels back. */
  close() {
    this.bitmap.close();
  }
}

/** A part of an ImageData. */
export function cut(pixels, {x, y, width, height}) {
  const out = new ImageData(width, height);
  for (let row = 0; row < height; row++) {
    const start = 4 * ((y + row) * pixels.width + x);
    out.data.set(pixels.data.subarray(start, start + 4 * width), 4 * row * width);
  }
  return out;
}

/** Where a pixel of a part is in the photo. */
export function toPhoto(part, point) {
  const {a, x, y} = invert(part.fromPhoto);
  return [a * point[0] + x, a * point[1] + y];
}

function megapixels(width, height) {
  return (width * height / 1e6).toPrecision(3);
}
