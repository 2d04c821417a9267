// onnxruntime-web: networks run in WASM on one thread, and move to the graphics card once it has shown that it computes the same, faster.

import {bytes} from './files.js';

const LEAST_GAIN = 1.2; // times as fast as WASM, or a network stays where it is
const MOST_APART = 1e-3; // of the largest number (of 1 for smaller ones)
const QUIET = 300; // ms without work before the card is tried: shaders take a moment to be made

const networks = new Set(); // the one used last is the last
let ort = null;
let card = false; // whether the browser has one, and it was not lost
let last = Promise.resolve();
let timer = null;

/** Loads the build of the runtime that fits; needed once, before all else. */
export async function load() {
  card = await hasCard();
  const build = card ? 'ort.webgpu' : 'ort';
  const [module, binary] = await Promise.all([import(`../vendor/${build}.js`), bytes(`vendor/${build}.wasm.gz`)]);
  ort = module;
  ort.env.wasm.wasmBinary = binary;
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.proxy = false;
}

/** Whether there is a graphics card; a processor that plays one is slower than WASM. */
async function hasCard() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return Boolean(adapter) && !(adapter.info ?? adapter).isFallbackAdapter;
}

/** Does one job after another: the runtime may not be entered again while it waits for the card. */
function alone(job) {
  const done = last.then(job);
  last = done.catch(() => {});
  return done;
}

function session(model, provider) {
  return ort.InferenceSession.create(model, {executionProviders: [provider], logSeverityLevel: 3});
}

export class Network {
  card = null;
  tried = false; // whether the card was

  /** Opens a graph, the bytes of an ONNX file. */
  static async open(model) {
    const network = new Network();
    network.processor = await alone(() => session(model, 'wasm'));
    network.model = card && model; // until the card is asked to run it
    networks.add(network);
    return network;
  }

  /** Runs it on arrays by name, {data: Float32Array, dims: their shape}; gives arrays by name. */
  async run(arrays) {
    const feeds = tensors(arrays);
    try {
      return await alone(() => this.outputs(feeds));
    } finally {
      if (this.model) this.feeds = feeds;
      networks.delete(this);
      networks.add(this);
      clearTimeout(timer);
      timer = setTimeout(tryNext, QUIET);
    }
  }

  async outputs(feeds) {
    if (this.card) {
      try {
        return await this.card.run(feeds);
      } catch {
        this.card = null; // lost, as when a driver starts anew
        card = false;
      }
    }
    return this.processor.run(feeds);
  }

  /** Where it runs: 'card', 'processor', or 'processor, card untried'. */
  get place() {
    return this.card ? 'card' : card && !this.tried ? 'processor, card untried' : 'processor';
  }

  /** Has the card compute what the processor does, twice, as shaders are made the first time; one that does badly is not asked again. */
  async tryCard(model, feeds) {
    let opened = null;
    try {
      opened = await session(model, 'webgpu');
      await opened.run(feeds);
      const [got, time] = await timed(() => opened.run(feeds));
      const [expected, least] = await timed(() => this.processor.run(feeds));
      if (agree(got, expected) && LEAST_GAIN * time <= least) this.card = opened;
    } catch {
      // As bad as a wrong result.
    }
    this.tried = true;
    if (this.card) return;
    card = false;
    await opened?.release().catch(() => {});
  }
}

/** Tries the card for the network that was used last. */
async function tryNext() {
  const next = [...networks].findLast(({feeds}) => feeds);
  if (!next || !card) return;
  const {model, feeds} = next;
  next.model = next.feeds = null;
  await alone(() => next.tryCard(model, feeds));
  timer = setTimeout(tryNext, QUIET);
}

async function timed(run) {
  const start = performance.now();
  return [await run(), performance.now() - start];
}

function tensors(arrays) {
  return Object.fromEntries(Object.entries(arrays).map(([name, {data, dims}]) => [name, new ort.Tensor('float32', data, dims)]));
}

function agree(got, expected) {
  return Object.entries(expected).every(([name, {data}]) => {
    let [apart, largest] = [0, 1];
    for (let i = 0; i < data.length; i++) {
      apart = Math.max(apart, Math.abs(got[name].data[i] - data[i])); // no number if one is none
      largest = Math.max(largest, Math.abs(data[i]));
    }
    return apart <= MOST_APART * largest;
  });
}
