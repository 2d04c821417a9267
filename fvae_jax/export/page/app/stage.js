// The canvas on which a part of a photo is shown, and the two rings for the eyes.

import {apply} from './geometry.js';
import {toPhoto} from './photo.js';

const LARGEST_ZOOM = 2.5;

export class Stage {
  #canvas;
  #context;
  #laid = null;
  part = null;

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d');
  }

  /** Shows a part of a photo. */
  show(part) {
    this.part = part;
    this.#laid = null;
    this.#canvas.width = part.pixels.width;
    this.#canvas.height = part.pixels.height;
    this.#context.putImageData(part.pixels, 0, 0);
    const {style} = this.#canvas.parentElement;
    style.setProperty('--aspect', String(part.pixels.width / part.pixels.height));
    style.setProperty('--width', `${LARGEST_ZOOM * part.pixels.width}px`);
  }

  /** Lays pixels over the part. */
  lay({box, pixels}) {
    const before = this.#laid;
    this.#laid = {box, pixels};
    if (before && (before.box.x !== box.x || before.box.y !== box.y || before.box.width !== box.width || before.box.height !== box.height)) {
      this.#context.putImageData(this.part.pixels, 0, 0);
    }
    this.#context.putImageData(pixels, box.x, box.y);
  }

  /** Shows the photo as it was, or again what was laid over it. */
  compare(original) {
    if (!this.part) return;
    this.#context.putImageData(this.part.pixels, 0, 0);
    if (!original && this.#laid) this.#context.putImageData(this.#laid.pixels, this.#laid.box.x, this.#laid.box.y);
  }

  /** Shows a picture of the camera, and what belongs over it. */
  live(frame, laid) {
    const {width, height} = frame;
    if (this.part !== null || this.#canvas.width !== width || this.#canvas.height !== height) {
      this.part = this.#laid = null;
      Object.assign(this.#canvas, {width, height});
      this.#canvas.parentElement.style.setProperty('--aspect', String(width / height));
      this.#canvas.parentElement.style.setProperty('--width', `${LARGEST_ZOOM * width}px`);
    }
    this.#context.drawImage(frame, 0, 0);
    if (laid) this.#context.putImageData(laid.pixels, laid.box.x, laid.box.y);
  }

  set label(text) {
    this.#canvas.setAttribute('aria-label', text);
  }

  clear() {
    this.part = this.#laid = null;
    this.#canvas.width = this.#canvas.height = 1;
  }
}

export class Eyes {
  #rings;
  #stage;
  #canvas;
  #moved;
  #eyes = null;

  /**
   * @param rings the two buttons, left of the picture first
   * @param moved called with both eyes, photo px, while they are moved
   */
  constructor(rings, canvas, stage, moved) {
    this.#rings = rings;
    this.#canvas = canvas;
    this.#stage = stage;
    this.#moved = moved;
    rings.forEach((ring, n) => {
      ring.addEventListener('pointerdown', (event) => {
        ring.setPointerCapture(event.pointerId);
        ring.focus();
        event.preventDefault();
      });
      ring.addEventListener('pointermove', (event) => {
        if (!ring.hasPointerCapture(event.pointerId)) return;
        const {left, top, width} = canvas.getBoundingClientRect();
        const zoom = canvas.width / width;
        this.#set(n, toPhoto(stage.part, [(event.clientX - left) * zoom - 0.5, (event.clientY - top) * zoom - 0.5]));
      });
      ring.addEventListener('keydown', (event) => {
        const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
        if (!step) return;
        event.preventDefault();
        // A hundredth of the distance between the eyes, so that it is as fine in every photo.
        const [[x0, y0], [x1, y1]] = this.#eyes;
        const far = Math.hypot(x1 - x0, y1 - y0) * (event.shiftKey ? 0.1 : 0.01);
        const [x, y] = this.#eyes[n];
        this.#set(n, [x + step[0] * far, y + step[1] * far]);
      });
    });
  }

  #set(n, eye) {
    const eyes = this.#eyes.map((other, m) => (m === n ? eye : other));
    const [[x0, y0], [x1, y1]] = eyes;
    if (Math.hypot(x1 - x0, y1 - y0) < 4 || x1 <= x0) return; // the rings keep their sides
    this.show(eyes);
    this.#moved(eyes);
  }

  /** Shows the rings. */
  show(eyes) {
    this.#eyes = eyes;
    this.#rings.forEach((ring, n) => {
      const [x, y] = apply(this.#stage.part.fromPhoto, eyes[n]);
      ring.style.left = `${100 * (x + 0.5) / this.#canvas.width}%`;
      ring.style.top = `${100 * (y + 0.5) / this.#canvas.height}%`;
      ring.hidden = false;
    });
  }

  hide() {
    for (const ring of this.#rings) ring.hidden = true;
  }
}
