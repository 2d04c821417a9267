// The camera: a photo from it, or its live picture.

import {element, guarded, on, tell} from './page.js';
import {Refusal} from './photo.js';

const TROUBLE = {
  NotAllowedError: 'The camera was not allowed. Allow it in the browser’s address bar, or choose a photo instead.',
  NotFoundError: 'No camera was found. Choose a photo instead.',
  NotReadableError: 'The camera is in use by another program. Close that one, or choose a photo instead.',
};

let stream = null;
let asked = 0; // the newest wish counts; switching off is one

/**
 * Makes the buttons of the camera work.
 *
 * @param taken called with the photo, a blob
 */
export function offer(taken) {
  on('use-camera', 'click', () => guarded(async () => {
    show(true);
    try {
      if (!await start()) return;
      tell('Look into the camera, then take the photo.');
      element('shoot').focus();
    } catch (error) {
      stop();
      element('use-camera').focus();
      throw error;
    }
  }));
  on('shoot', 'click', () => guarded(async () => {
    const blob = await shoot();
    stop();
    await taken(blob);
  }));
  on('no-camera', 'click', () => {
    stop();
    tell('');
    element('use-camera').focus();
  });
}

/** Switches the camera off, also while it is being started. */
export function stop() {
  asked += 1;
  release(stream);
  stream = null;
  element('video').srcObject = null;
  show(false);
}

function show(shown) {
  element('camera').hidden = !shown;
  element('drop').hidden = shown;
}

/** Starts the camera; gives false if it was switched off meanwhile. */
async function start() {
  const mine = ++asked;
  try {
    const given = await ask({width: {ideal: 1920}});
    if (mine !== asked) {
      release(given);
      return false;
    }
    stream = given;
    element('video').srcObject = stream;
    await element('video').play();
  } catch (error) {
    if (mine === asked) throw error; // else nobody waits for it
  }
  return mine === asked;
}

/** Gives a camera back. */
export function release(given) {
  for (const track of given?.getTracks() ?? []) track.stop();
}

/** Asks for the camera that looks at the person; what is wanted of it as `getUserMedia` takes it. */
export async function ask(wanted) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Refusal('This browser gives no camera to this page; it asks for an address that begins with https, or for this computer’s own. Choose a photo instead.');
  }
  try {
    return await navigator.mediaDevices.getUserMedia({video: {facingMode: 'user', ...wanted}});
  } catch (error) {
    throw new Refusal(TROUBLE[error.name] ?? `The camera could not be started (${error.name}). Choose a photo instead.`);
  }
}

/** What the camera sees, as a file. */
async function shoot() {
  const {videoWidth, videoHeight} = element('video');
  const canvas = new OffscreenCanvas(videoWidth, videoHeight);
  canvas.getContext('2d').drawImage(element('video'), 0, 0);
  return canvas.convertToBlob({type: 'image/png'});
}
