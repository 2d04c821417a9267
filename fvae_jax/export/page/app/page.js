// The elements of the page, and what it tells.

import {Refusal} from './photo.js';

export const element = (id) => document.getElementById(id);
export const on = (id, event, action) => element(id).addEventListener(event, action);
export const press = (id, pressed) => element(id).setAttribute('aria-pressed', String(pressed));
export const pressed = (id) => element(id).getAttribute('aria-pressed') === 'true';

export function percent(value) {
  return `${Math.round(100 * value)} %`.replace('-', '−');
}

/** Tells something in the live region. */
export function tell(text, trouble = false) {
  element('status').textContent = text;
  element('status').classList.toggle('trouble', trouble);
  if (trouble) element('status').scrollIntoView({block: 'nearest'});
}

/** Runs an action; what a person can mend is told in a line. */
export async function guarded(action) {
  try {
    return await action();
  } catch (error) {
    tell(error instanceof Refusal ? error.message : `Something went wrong: ${error.message}`, true);
    if (!(error instanceof Refusal)) console.error(error);
    return null;
  }
}
