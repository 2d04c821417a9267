// The camera's live picture, edited as it comes. Pictures that come too fast are dropped, never queued: while one is drawn by the
// graphics card, the next one is computed, and no more.

import * as camera from './camera.js';
import {save} from './files.js';
import * as networks from './networks.js';
import {element, guarded, on, press, pressed, tell} from './page.js';
import * as unsaved from './unsaved.js';

const WANTED = {width: {ideal: 640}, height: {ideal: 480}, frameRate: {ideal: 30}};
const KINDS = ['video/mp4;codecs=avc1.42E01F', 'video/webm;codecs=vp9', 'video/webm;codecs=vp8', 'video/webm'];
const COUNTED = 1000; // ms over which pictures are counted

let video = null; // while the mirror runs
let recorder = null;
let latest = null; // what the last picture was made of
let begun = 0; // the newest start counts; ending is one
let starting = false;
let opening = null; // the camera's stream until pictures can be edited

/**
 * Makes the buttons of the mirror work.
 *
 * @param stage where pictures are shown
 * @param strengths gives them by expression
 * @param ready waits until pictures can be edited
 * @param shown called with whether the mirror runs
 */
export function offer(stage, strengths, ready, shown) {
  on('use-mirror', 'click', () => guarded(async () => {
    if (starting || video !== null) return;
    starting = true;
    const mine = ++begun;
    let stream = null;
    try {
      stream = await camera.ask(WANTED);
      if (mine === begun) {
        opening = stream;
        await ready();
      }
    } catch (error) {
      camera.release(stream);
      if (mine !== begun) return; // nobody waits for it
      throw error;
    } finally {
      if (mine === begun) [starting, opening] = [false, null];
    }
    if (mine !== begun) {
      camera.release(stream);
      return;
    }
    video = Object.assign(document.createElement('video'), {muted: true, playsInline: true, srcObject: stream});
    stream.getVideoTracks()[0].addEventListener('ended', () => over('The camera has stopped.'));
    shown(true);
    run(video, stage, strengths, shown);
    tell('The mirror runs. Move a slider to change the expression.');
  }));
  const over = (told) => {
    stop();
    shown(false);
    tell(told);
  };
  on('end-mirror', 'click', () => over(''));
  element('record').hidden = typeof MediaRecorder === 'undefined';
  on('record', 'click', () => (recorder ? recorder.stop() : record()));
}

/** What the last picture was made of: number, eyes as px or null, times in ms; for scripts. */
export const state = () => latest;

/** Ends the mirror, if it runs or is being started. */
export function end() {
  begun += 1;
  camera.release(opening); // what is waited for may never come
  [starting, opening] = [false, null];
  if (video !== null) element('end-mirror').click();
}

function stop() {
  if (video === null) return;
  recorder?.stop();
  camera.release(video.srcObject);
  video.srcObject = null;
  video = latest = null;
  if (networks.running()) networks.ask('unfollow');
}

/** Shows one picture after the other, the newest there is. */
async function run(mine, stage, strengths, ended) {
  const next = newest(mine);
  const asked = []; // pictures that are not shown yet
  const shownAt = [];
  let [given, number] = [0, 0];
  const show = ({frame, laid, eyes, times}, order) => {
    if (video !== mine || order < number) return; // an older one, which took longer to draw
    stage.live(frame, pressed('compare') ? null : laid);
    frame.close();
    number = order;
    latest = {number, eyes, times, laid: laid !== null};
    count(shownAt, eyes !== null);
  };
  await guarded(async () => {
    try {
      await mine.play();
      while (true) {
        await next();
        if (video !== mine) return;
        const bitmap = await createImageBitmap(mine);
        const order = ++given;
        const answer = networks.ask('follow', {frame: bitmap, time: performance.now() / 1000, strengths: strengths()}, [bitmap]).then((made) => show(made, order));
        answer.catch(() => {}); // it is awaited below
        asked.push(answer);
        if (asked.length > 1) await asked.shift();
      }
    } catch (error) {
      if (video === mine) throw error; // else it was ended, which ends what is under way
    }
  });
  if (video === mine) { // something went wrong, which stays told
    stop();
    ended(false);
  }
}

/** A function that waits for a picture that was not shown yet. */
function newest(mine) {
  const waits = (done) => (mine.requestVideoFrameCallback ? mine.requestVideoFrameCallback(done) : requestAnimationFrame(done));
  let fresh = false;
  let wake = () => {};
  const came = () => {
    fresh = true;
    wake();
    if (video === mine) waits(came);
  };
  waits(came);
  return async () => {
    if (!fresh) await new Promise((resolve) => { wake = resolve; });
    fresh = false;
  };
}

/** Tells how many pictures are shown, beside the live region, which is read aloud. */
function count(times, seen) {
  const now = performance.now();
  times.push(now);
  while (now - times[0] > COUNTED) times.shift();
  element('rate').textContent = seen ? `${times.length} frames per second` : 'No face in sight';
}

function record() {
  const kind = KINDS.find((one) => MediaRecorder.isTypeSupported(one));
  const stream = element('view').captureStream();
  const parts = [];
  recorder = new MediaRecorder(stream, kind ? {mimeType: kind} : {});
  recorder.addEventListener('dataavailable', ({data}) => parts.push(data));
  recorder.addEventListener('stop', () => {
    for (const track of stream.getTracks()) track.stop();
    const {mimeType} = recorder;
    recorder = null;
    press('record', false);
    unsaved.forget();
    const name = `mirror-edited.${mimeType.includes('mp4') ? 'mp4' : 'webm'}`;
    save(new Blob(parts, {type: mimeType}), name);
    tell(`Saved as ${name}, without sound, where your browser puts downloads.`);
  });
  recorder.start(1000);
  press('record', true);
  unsaved.shows('a recording');
  tell('Recording, without sound. Press Record again to save.');
}
