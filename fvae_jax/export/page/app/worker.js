// The networks, in a thread of their own: the page stays responsive, and ending the thread frees all their memory.

import * as ort from '../vendor/ort.js';
import * as detector from './detector.js';

const root = new URL('..', import.meta.url);
const faces = new Map(); // by key: what the encoder said of a face, which stays here
let description = null;
let waitingFor = {};

/** A file of the page, unpacked if it is compressed. */
async function bytes(path) {
  const response = await fetch(new URL(path, root));
  if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
  if (!path.endsWith('.gz')) return new Uint8Array(await response.arrayBuffer());
  const packed = new Uint8Array(await response.arrayBuffer());
  // A server that declares the file as compressed has the browser unpack it.
  if (packed[0] !== 0x1f || packed[1] !== 0x8b) return packed;
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function start() {
  const opened = (path) => (async () => {
    const [model] = await Promise.all([bytes(path), runtime]);
    return ort.InferenceSession.create(model, {executionProviders: ['wasm'], logSeverityLevel: 3});
  })();
  const runtime = (async () => {
    ort.env.wasm.wasmBinary = await bytes('vendor/ort.wasm.gz');
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.proxy = false;
  })();
  waitingFor = {detect: opened('vendor/yunet.onnx')};
  description = (async () => JSON.parse(new TextDecoder().decode(await bytes('model/model.json'))))();
  for (const name of ['encode', 'decode', 'mask']) {
    waitingFor[name] = description.then(({networks}) => networks[name] && opened(`model/${networks[name].file}`));
  }
  for (const promise of Object.values(waitingFor)) promise.catch(() => {}); // told when they are asked
}

async function run(name, feeds) {
  const session = await waitingFor[name];
  return session.run(feeds);
}

/** Plain arrays by name, out of the runtime's memory. */
function arrays(tensors, names) {
  return Object.fromEntries(names.filter((name) => name in tensors).map((name) => [name, tensors[name].data]));
}

async function latentTensor(values) {
  const {latents} = await description;
  return new ort.Tensor('float32', values, [1, ...latents.shape]);
}

async function features(name, key) {
  const {networks} = await description;
  const known = faces.get(key);
  return Object.fromEntries(networks[name].inputs.filter((input) => input in known).map((input) => [input, known[input]]));
}

const tasks = {
  /** What the model says of itself, and its latents. */
  async describe() {
    const told = await description;
    const packed = await bytes(`model/${told.latents.file}`);
    return {told, latents: new Float32Array(packed.buffer, packed.byteOffset, packed.byteLength / 4)};
  },
  /** Waits until everything is there. */
  async ready() {
    await Promise.all(Object.values(waitingFor));
  },
  async detect(picture) {
    const tensor = new ort.Tensor('float32', detector.input(picture), [1, 3, detector.SIDE, detector.SIDE]);
    const outputs = await run('detect', {input: tensor});
    return detector.faces(arrays(outputs, Object.keys(outputs)));
  },
  /** Encodes a crop, keeps its features under the key, and tells its latent. */
  async encode({key, crop}) {
    const {size} = await description;
    const outputs = await run('encode', {image: new ort.Tensor('float32', crop, [1, size, size, 3])});
    faces.set(key, outputs);
    return outputs.latent.data;
  },
  async decode({key, latent}) {
    const feeds = {...await features('decode', key), latent: await latentTensor(latent)};
    const outputs = await run('decode', feeds);
    return arrays(outputs, ['displacement', 'alpha_logit', 'color']);
  },
  async mask({key, latent}) {
    const feeds = {...await features('mask', key), latent: await latentTensor(latent)};
    const outputs = await run('mask', feeds);
    return outputs.mask_logit.data;
  },
  async forget(key) {
    for (const tensor of Object.values(faces.get(key) ?? {})) tensor.dispose();
    faces.delete(key);
  },
};

self.addEventListener('message', async ({data: {id, task, argument}}) => {
  try {
    self.postMessage({id, result: await tasks[task](argument)});
  } catch (error) {
    self.postMessage({id, error: String(error?.message ?? error)});
  }
});

start();
