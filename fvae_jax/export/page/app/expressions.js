// The sliders of all expressions, each with a little picture of it.

import {percent} from './page.js';
import {Slider} from './sliders.js';

const NEUTRAL = 'neutral'; // takes out what a face shows
const ORDER = ['smile', 'smile_closed', 'surprise', 'sad', 'brow_raise', 'squint', 'pucker', 'disgust', 'scream']; // as people use them
const TITLES = {smile_closed: 'Closed smile', brow_raise: 'Raised brows', [NEUTRAL]: 'Toward neutral'};

/** An expression's name for people. */
function titled(name) {
  const words = name.replaceAll('_', ' ');
  return TITLES[name] ?? words[0].toUpperCase() + words.slice(1);
}

/** A button with a part of a strip of square pictures, or null if it has none of this name. */
function pictureOf(strip, order, name) {
  const number = order.indexOf(name);
  if (number < 0) return null;
  const side = strip.height;
  const canvas = Object.assign(document.createElement('canvas'), {width: side, height: side});
  canvas.getContext('2d').drawImage(strip, number * side, 0, side, side, 0, 0, side, side);
  const button = Object.assign(document.createElement('button'), {type: 'button', className: 'shown'});
  button.append(canvas);
  return button;
}

export class Expressions {
  #sliders = {};

  /**
   * @param parent element to put them into
   * @param names of the expressions, without neutral
   * @param pictures {strip: ImageBitmap, order: names} or null
   * @param changed called when one is moved
   */
  constructor(parent, names, pictures, changed) {
    const known = ORDER.filter((name) => names.includes(name));
    for (const name of [...known, ...names.filter((other) => !known.includes(other)), NEUTRAL]) {
      const slider = new Slider(parent, {
        title: titled(name),
        min: -1,
        max: 1.5,
        step: 0.05,
        value: 0,
        show: percent,
        changed,
        picture: pictures && pictureOf(pictures.strip, pictures.order, name),
      });
      this.#sliders[name] = slider;
    }
  }

  /** Strengths by name; those that are left out are set to 0. */
  get values() {
    return Object.fromEntries(Object.entries(this.#sliders).map(([name, slider]) => [name, slider.value]));
  }

  set values(values) {
    for (const [name, slider] of Object.entries(this.#sliders)) slider.value = values[name] ?? 0;
  }

  /** Those that are not 0, for people. */
  get label() {
    return this.#moved.map(([name, value]) => `${titled(name).toLowerCase()} ${percent(value)}`).join(', ');
  }

  /** Those that are not 0, for a file's notes. */
  get note() {
    return this.#moved.map(([name, value]) => `${name} ${value}`).join(', ');
  }

  get #moved() {
    return Object.entries(this.values).filter(([, value]) => value !== 0);
  }
}
