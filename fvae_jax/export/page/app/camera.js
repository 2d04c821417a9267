// A photo from the camera.

import {Refusal} from './photo.js';

const TROUBLE = {
  NotAllowedError: 'The camera was not allowed. Allow it in the browser’s address bar, or choose a photo instead.',
  NotFoundError: 'No camera was found. Choose a photo instead.',
  NotReadableError: 'The camera is in use by another program. Close that one, or choose a photo instead.',
};

let stream = null;

/** Shows what the camera sees in a video element. */
export async function start(video) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Refusal('This browser gives no camera to this page; it asks for an address that begins with https, or for this computer’s own. Choose a photo instead.');
  }
  try {
    stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'user', width: {ideal: 1920}}});
  } catch (error) {
    throw new Refusal(TROUBLE[error.name] ?? `The camera could not be started (${error.name}). Choose a photo instead.`);
  }
  video.srcObject = stream;
  await video.play();
}

/** What the camera sees, as a file. */
export async function shoot(video) {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext('2d').drawImage(video, 0, 0);
  return canvas.convertToBlob({type: 'image/png'});
}

export function stop(video) {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  video.srcObject = null;
}
