// One's own teeth, from a second photo of the same person.

import {teethOf} from './inside.js';
import {element, on, press, tell} from './page.js';
import {Photo, Refusal} from './photo.js';
import {Sitter} from './sitter.js';

let photo = null; // the blob that they are from
let choice = 0; // the newest counts

/**
 * Makes the button work.
 *
 * @param act runs an action and tells what goes wrong
 * @param current gives the sitter who is edited
 * @param changed called when the teeth are others
 */
export function offer(act, current, changed) {
  on('teeth', 'click', () => act(async () => {
    if (photo === null) {
      element('file-teeth').click();
      return;
    }
    const face = current();
    show(null);
    await face.wear(face.model.exemplars);
    await changed();
    tell('The teeth of the model again.');
  }));
  on('file-teeth', 'change', () => act(async () => {
    const {files: [file]} = element('file-teeth');
    element('file-teeth').value = '';
    if (!file) return;
    tell('Looking for teeth …');
    if (!await take(current(), file)) return;
    await changed();
    tell('Where the mouth opens, the teeth of the second photo are shown.');
  }));
}

/** Gives a face the teeth of a photo, a blob; gives false if others were chosen meanwhile. */
export async function take(face, blob) {
  const mine = ++choice;
  let exemplars;
  try {
    exemplars = await insideOf(face.model, blob);
  } catch (error) {
    if (mine === choice) throw error; // else nobody waits for it
  }
  if (mine !== choice) return false;
  if (exemplars === null) throw new Refusal('The second photo shows no open mouth with teeth. Choose one that does.');
  show(blob);
  await face.wear(exemplars);
  return true;
}

async function insideOf(model, blob) {
  const photo = await Photo.open(blob, '');
  let other = null;
  try {
    other = await Sitter.of(photo, model);
    return await teethOf(other);
  } finally {
    (other ?? photo).close();
  }
}

/** Tells that the face has the model's teeth, or those of a photo. */
export function show(blob) {
  choice += 1;
  photo = blob;
  press('teeth', blob !== null);
}

/** The photo that they are from, or null. */
export const source = () => photo;
