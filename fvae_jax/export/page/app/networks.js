// Asking the thread that runs the networks; started when it is first asked, ended by `end`.

let worker = null;
let waiting = new Map();
let count = 0;

function begin() {
  worker = new Worker(new URL('./worker.js', import.meta.url), {type: 'module'});
  worker.addEventListener('message', ({data: {id, result, error}}) => {
    const {resolve, reject} = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  });
  worker.addEventListener('error', (event) => {
    const asked = [...waiting.values()];
    end();
    for (const {reject} of asked) reject(new Error(event.message || 'the networks could not be started'));
  });
}

/** Runs one of the worker's tasks; what is among `transfer` is handed over instead of copied. */
export function ask(task, argument, transfer = []) {
  if (worker === null) begin();
  return new Promise((resolve, reject) => {
    waiting.set(++count, {resolve, reject});
    worker.postMessage({id: count, task, argument}, transfer);
  });
}

/** Ends the thread and frees its memory; whatever was asked is never answered. */
export function end() {
  worker?.terminate();
  worker = null;
  waiting = new Map();
}

export function running() {
  return worker !== null;
}
