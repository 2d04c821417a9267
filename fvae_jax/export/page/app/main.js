// The page: what its buttons do.

import * as blend from './blend.js';
import * as camera from './camera.js';
import * as compare from './compare.js';
import * as edit from './edit.js';
import {Expressions} from './expressions.js';
import {save as saveFile} from './files.js';
import {grown} from './geometry.js';
import * as intake from './intake.js';
import * as mirror from './mirror.js';
import * as modelFile from './model.js';
import * as networks from './networks.js';
import {element, guarded, on, percent, press, pressed, tell} from './page.js';
import {Photo, Refusal} from './photo.js';
import * as png from './png.js';
import {Renderer} from './renderer.js';
import {Sitter} from './sitter.js';
import {Slider} from './sliders.js';
import {Eyes, Stage} from './stage.js';
import * as teeth from './teeth.js';
import * as unsaved from './unsaved.js';
import {drawWheel} from './wheel.js';

const LONGEST_VIEW = 1280; // px of the picture on the screen; what is saved has all pixels
const CLOSE_UP = 0.12; // of the face, shown on every side of it
const NEARLY_ALL = 0.8; // of the photo: a close-up that has more of it is none

const stage = new Stage(element('view'));
const eyes = new Eyes([element('eye-left'), element('eye-right')], element('view'), stage, (placed) => {
  moving = placed;
  refresh();
});

let model = null;
let renderer = null;
let sitter = null; // the face that is edited
let second = null; // the other one, of "between two"
let secondPart = null;
let moving = null; // where the eyes are dragged to
let flow = false;
let whole = false;
let sample = null; // the file to try
let openings = 0; // the newest photo counts
let expressions = null;
let pictures = null; // of expressions
let between = null;
let drawn = null; // what is on the screen: {kind, decoded, strengths or t}

const blending = () => pressed('mode-blend');

/** Looks, before anything large is loaded, whether the browser has what the page needs. */
function check() {
  if (typeof OffscreenCanvas === 'undefined' || typeof DecompressionStream === 'undefined') {
    throw new Refusal('This browser is too old for this page. Browsers from the year 2023 on have what it needs.');
  }
  renderer ??= new Renderer();
}

async function begin() {
  check();
  model ??= modelFile.read(await networks.ask('describe'));
}

// --- The picture on the screen

let busy = null;
let again = false;

/** Draws what the controls ask for; while it is drawn, only the newest wish is kept. */
export function refresh() {
  again = true;
  busy ??= (async () => {
    while (again) {
      again = false;
      await guarded(draw);
    }
    busy = null;
  })();
  return busy;
}

async function draw() {
  const face = sitter;
  if (!face) return;
  await begin();
  if (sitter !== face) return; // it was left meanwhile
  if (moving) {
    const placed = moving;
    moving = null;
    await face.place(placed);
    if (sitter !== face) return;
    drawn = null;
  }
  if (blending()) {
    if (second) await drawBetween(face, second);
    return;
  }
  const wanted = expressions.values;
  unsaved.shows(note());
  const key = JSON.stringify(wanted);
  if (drawn?.kind !== 'edit' || drawn.key !== key) {
    const decoded = await edit.decode(face, wanted);
    if (sitter !== face) return;
    drawn = {kind: 'edit', key, decoded};
  }
  const laid = await edit.draw(renderer, face, drawn.decoded, stage.part, {flow});
  if (sitter !== face) return;
  stage.lay(laid);
  stage.label = expressions.label ? `The photo with ${expressions.label}` : 'The photo, unchanged';
}

/** What the sliders ask for, for a file's notes; empty for the photo itself. */
function note() {
  return [expressions.note, expressions.note && teeth.source() && 'own teeth'].filter(Boolean).join(', ');
}

async function drawBetween(face, other) {
  const t = between.value;
  unsaved.shows(`between two photos, ${percent(t)}`);
  if (drawn?.kind !== 'blend' || drawn.t !== t) {
    const decoded = await blend.decode(face, other, t);
    if (sitter !== face || second !== other) return;
    drawn = {kind: 'blend', t, decoded};
  }
  secondPart ??= blend.partOfSecond(other, face, stage.part);
  const laid = await blend.draw(renderer, face, other, drawn.decoded, stage.part, secondPart);
  if (sitter !== face || second !== other) return;
  stage.lay(laid);
  stage.label = `The first photo, ${percent(t)} of the way to the second`;
}

/** Shows the face from near, or all of the photo. */
function frame() {
  const {photo, box} = sitter;
  const near = grown(box, Math.round(CLOSE_UP * Math.max(box.width, box.height)), photo.width, photo.height);
  const apart = near.width * near.height < NEARLY_ALL * photo.width * photo.height;
  element('whole').hidden = !apart;
  press('whole', whole);
  const shown = apart && !whole ? near : photo.all;
  stage.show(photo.part(shown, Math.min(1, LONGEST_VIEW / Math.max(shown.width, shown.height))));
  secondPart = null;
  if (pressed('eyes')) eyes.show(sitter.eyes);
}

// --- Photos

/** Opens a photo and finds its face; the first photo unless `other`. */
export async function open(blob, name, other = false) {
  if (!other && !unsaved.mayLeave()) return;
  const mine = ++openings;
  tell(model ? 'Looking for a face …' : 'Getting ready …');
  document.body.setAttribute('aria-busy', 'true');
  await guarded(async () => {
    await begin();
    const photo = await Photo.open(blob, name);
    let found;
    try {
      found = await Sitter.of(photo, model);
    } catch (error) {
      photo.close();
      throw error;
    }
    if (mine !== openings) {
      found.close();
      return;
    }
    if (other) takeSecond(found);
    else take(found);
    await refresh();
    const count = found.faces.length;
    const which = count === 1 ? 'Face found.' : `${count} faces found; the largest is taken.`;
    const next = other ? 'Move the slider from one photo to the other.' : 'Move a slider to change the expression.';
    tell([which, found.doubts, found.photo.note, next].filter(Boolean).join(' '));
  });
  if (mine === openings) document.body.removeAttribute('aria-busy');
}

function take(found) {
  mirror.end();
  sitter?.close();
  dropSecond();
  sitter = found;
  drawn = null;
  teeth.show(null);
  whole = false;
  unsaved.forget();
  showExpressions();
  choose('edit');
  adjustEyes(false);
  listFaces();
  frame();
  const first = element('work').hidden;
  element('start').hidden = true;
  element('work').hidden = false;
  // What had the focus is hidden now.
  if (first) element('expressions').querySelector('input').focus({preventScroll: true});
}

function takeSecond(found) {
  dropSecond();
  drawn = null;
  second = found;
  const {pixels} = found.photo.part(found.photo.all, Math.min(1, 256 / found.photo.width));
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [pixels.width, pixels.height];
  canvas.getContext('2d').putImageData(pixels, 0, 0);
  element('second-picture').src = canvas.toDataURL('image/jpeg', 0.9);
  element('second').hidden = element('between').hidden = false;
  between ??= new Slider(element('between'), {title: 'From the first to the second', min: 0, max: 1, step: 0.01, value: 0.5, show: percent, changed: refresh});
  between.value = 0.5;
}

function dropSecond() {
  second?.close();
  second = secondPart = null;
  element('second').hidden = element('between').hidden = true;
}

function showExpressions() {
  expressions ??= new Expressions(element('expressions'), model.expressions, pictures, refresh);
  expressions.values = {};
}

function listFaces() {
  const {faces, number} = sitter;
  element('faces').hidden = faces.length < 2;
  element('face-list').replaceChildren(...faces.map((face, n) => {
    const button = Object.assign(document.createElement('button'), {type: 'button', textContent: String(n + 1)});
    button.setAttribute('aria-pressed', String(n === number));
    button.setAttribute('aria-label', n === 0 ? 'Face 1, the largest' : `Face ${n + 1}`);
    button.addEventListener('click', () => guarded(async () => {
      if (!await sitter.choose(n)) return;
      drawn = null;
      teeth.show(null);
      listFaces();
      frame();
      await refresh();
      element('face-list').children[n].focus();
      tell([`Face ${n + 1} of ${faces.length}.`, sitter.doubts].filter(Boolean).join(' '));
    }));
    return button;
  }));
}

// --- Controls

function choose(mode) {
  press('mode-edit', mode === 'edit');
  press('mode-blend', mode === 'blend');
  element('edit').hidden = mode !== 'edit';
  element('blend').hidden = mode !== 'blend';
  element('flow').hidden = mode !== 'edit';
  element('legend').hidden = mode !== 'edit' || !flow;
  if (mode === 'blend') adjustEyes(false);
  if (sitter && stage.part) stage.show(stage.part);
}

function adjustEyes(on) {
  press('eyes', on);
  element('eyes-help').hidden = !on;
  if (on) eyes.show(sitter.eyes);
  else eyes.hide();
}

async function save() {
  const face = sitter;
  if (!face) return;
  element('save').disabled = true;
  tell('Making the picture at full size …');
  await refresh();
  await guarded(async () => {
    if (sitter !== face) return;
    const asBlend = blending() && second;
    const shown = asBlend ? `between two photos, ${percent(between.value)}` : note();
    const canvas = asBlend ? await blend.drawWhole(renderer, face, second, drawn.decoded)
      : await edit.drawWhole(renderer, face, drawn.decoded);
    const name = `${face.photo.name.replace(/\.[^.]*$/, '') || 'photo'}-edited.png`;
    saveFile(await png.encoded(canvas, {Software: model.told.program, Model: model.told.name, Edit: shown || 'nothing'}), name);
    if (sitter === face) unsaved.save(shown);
    tell(`Saved as ${name}, ${canvas.width} × ${canvas.height} pixels, where your browser puts downloads.`);
  });
  element('save').disabled = false;
}

on('choose', 'click', () => element('file').click());
on('choose-second', 'click', () => element('file-second').click());
intake.offer((file, other) => open(file, file.name || 'pasted', other), () => blending() && sitter !== null);
on('sample', 'click', () => open(sample, 'sample'));

camera.offer((blob) => open(blob, 'camera'));

mirror.offer(stage, () => expressions.values, begin, (shown) => {
  if (shown) {
    leave();
    showExpressions();
    choose('edit');
    adjustEyes(false);
    stage.label = 'What the camera sees, edited';
  } else {
    stage.clear();
  }
  element('work').classList.toggle('mirror', shown);
  element('work').hidden = !shown;
  element('start').hidden = shown;
  element(shown ? 'compare' : 'use-mirror').focus({preventScroll: true});
});

teeth.offer(guarded, () => sitter, () => {
  drawn = null;
  return refresh();
});

on('reset', 'click', () => {
  expressions.values = {};
  tell('All sliders are at 0.');
  refresh();
});
on('flow', 'click', () => {
  flow = !flow;
  press('flow', flow);
  element('legend').hidden = !flow;
  refresh();
});
on('whole', 'click', () => {
  whole = !whole;
  frame();
  refresh();
});
on('eyes', 'click', () => adjustEyes(!pressed('eyes')));
on('mode-edit', 'click', () => {
  choose('edit');
  refresh();
});
on('mode-blend', 'click', () => {
  choose('blend');
  refresh();
});
on('save', 'click', save);
on('another', 'click', () => {
  if (!unsaved.mayLeave()) return;
  leave();
  element('work').hidden = true;
  element('start').hidden = false;
  element('choose').focus();
  tell('');
});

compare.offer((held) => stage.compare(held)); // the mirror looks by itself

// --- Coming and going

function leave() {
  sitter?.close();
  teeth.show(null); // also those that are still looked for
  dropSecond();
  sitter = drawn = moving = null;
  unsaved.forget();
  stage.clear();
}

let left = null; // what to come back to

/** Gives all memory back: the networks, the photos, the graphics card's pictures, the camera. */
window.addEventListener('pagehide', () => {
  left = sitter && {blob: sitter.photo.blob, name: sitter.photo.name, number: sitter.number, eyes: sitter.eyes, values: expressions.values, teeth: teeth.source()};
  leave();
  renderer?.release();
  camera.stop();
  mirror.end();
  networks.end();
});
window.addEventListener('pageshow', async (event) => {
  if (!event.persisted || !left) return;
  const {blob, name, number, eyes: placed, values, teeth: own} = left;
  left = null;
  await open(blob, name);
  if (!sitter) return;
  sitter.number = number;
  listFaces();
  moving = placed;
  expressions.values = values;
  await refresh();
  if (own) await guarded(() => teeth.take(sitter, own));
  drawn = null;
  frame();
  await refresh();
  tell('Back again, with the photo and the sliders as they were.');
});

/** What the page is made of, for scripts: the face that is edited and the picture on the screen. */
export const state = {
  get sitter() { return sitter; },
  get second() { return second; },
  get running() { return networks.running(); },
  get mirror() { return mirror.state(); },
};

/** Aligns the face by its eyes, [[x, y], [x, y]] in photo px, left of the picture first; or that of the second photo. */
export async function placeEyes(placed, other = false) {
  if (other) {
    await second.place(placed);
    drawn = secondPart = null;
  } else {
    moving = placed;
  }
  await refresh();
}

/** Sets strengths by expression, and draws. */
export async function setStrengths(values) {
  expressions.values = values;
  await refresh();
}

async function introduce() {
  drawWheel(element('wheel'));
  check();
  const page = await (await fetch('page.json')).json();
  element('program').textContent = page.program;
  if (page.sample) {
    sample = await (await fetch(page.sample.file)).blob();
    element('sample-picture').src = URL.createObjectURL(sample);
    element('sample-credit').textContent = page.sample.credit;
    element('sample').hidden = false;
    element('sample-attribution').textContent = page.sample.attribution;
  }
  if (page.pictures) pictures = {...page.pictures, strip: await createImageBitmap(await (await fetch(page.pictures.file)).blob())};
  await begin();
  element('attribution').textContent = model.told.attribution;
  element('card').hidden = !('MODEL_CARD.md' in model.told.files);
  element('mode-blend').hidden = !model.mask;
  element('teeth').hidden = element('teeth-help').hidden = !model.told.content;
}

// Without what it needs, the page offers nothing that could not end.
element('start').hidden = await guarded(introduce) === null;
