// One's own teeth, from a second photo of the same person.

import {teethOf} from './donor.js';
import {element, on, press, tell} from './page.js';
import {Photo, Refusal} from './photo.js';
import {Sitter} from './sitter.js';

let photo = null; // the blob that they are from

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
    await face.wear(face.model.exemplars);
    show(null);
    await changed();
    tell('The teeth of the model again.');
  }));
  on('file-teeth', 'change', () => act(async () => {
    const {files: [file]} = element('file-teeth');
    element('file-teeth').value = '';
    if (!file) return;
    tell('Looking for teeth …');
    await take(current(), file);
    await changed();
    tell('Where the mouth opens, the teeth of the second photo are shown.');
  }));
}

/** Gives a face the teeth of a photo, a blob. */
export async function take(face, blob) {
  const other = await Sitter.of(await Photo.open(blob, ''), face.model);
  const exemplars = await teethOf(face, other);
  other.close();
  if (exemplars === null) throw new Refusal('The second photo shows no open mouth with teeth. Choose one that does.');
  await face.wear(exemplars);
  show(blob);
}

/** Tells that the face has the model's teeth, or those of a photo. */
export function show(blob) {
  photo = blob;
  press('teeth', blob !== null);
}

/** The photo that they are from, or null. */
export const source = () => photo;
