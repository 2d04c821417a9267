// The networks, in a thread of their own: the page stays responsive, and ending the thread frees all their memory.

import * as detector from './detector.js';
import {bytes} from './files.js';
import {Follower} from './follower.js';
import * as modelFile from './model.js';
import {load, Network} from './runtime.js';

const FOLLOWED = 'camera'; // the key of the face in its pictures

const faces = new Map(); // by key: what the encoder said of a face, which stays here
let description = null;
let waitingFor = {};
let described = null;
let follower = null;

function start() {
  const runtime = load();
  const opened = async (path) => {
    const [model] = await Promise.all([bytes(path), runtime]);
    return Network.open(model);
  };
  waitingFor = {detect: opened('vendor/yunet.onnx')};
  description = (async () => JSON.parse(new TextDecoder().decode(await bytes('model/model.json'))))();
  for (const name of ['encode', 'decode', 'mask']) {
    waitingFor[name] = description.then(({networks}) => networks[name] && opened(`model/${networks[name].file}`));
  }
  for (const promise of Object.values(waitingFor)) promise.catch(() => {}); // told when they are asked
}

async function run(name, feeds) {
  const network = await waitingFor[name];
  return network.run(feeds);
}

const floats = ({buffer, byteOffset, byteLength}) => new Float32Array(buffer, byteOffset, byteLength / 4);

function arrays(outputs, names) {
  return Object.fromEntries(names.filter((name) => name in outputs).map((name) => [name, outputs[name].data]));
}

/** What a network takes: a latent, and of the encoder's features those that it asks for. */
async function inputs(name, {key, latent}) {
  const {networks, latents} = await description;
  const known = {...faces.get(key), latent: {data: latent, dims: [1, ...latents.shape]}};
  return Object.fromEntries(networks[name].inputs.map((input) => [input, known[input]]));
}

const tasks = {
  /** What the model says of itself, and its latents. */
  async describe() {
    described ??= (async () => {
      const told = await description;
      const latents = floats(await bytes(`model/${told.latents.file}`));
      const teeth = told.exemplars && await bytes(`model/${told.exemplars.file}`);
      const folds = told.folds && new Int8Array(await bytes(`model/${told.folds.file}`));
      const lips = told.lips && floats(await bytes(`model/${told.lips.file}`));
      return {told, latents, teeth, folds, lips};
    })();
    return described;
  },
  /** Waits until everything is there. */
  async ready() {
    await Promise.all(Object.values(waitingFor));
  },
  /** Where a network runs. */
  async place(name) {
    return (await waitingFor[name]).place;
  },
  async detect(picture) {
    const {width, height} = picture;
    const outputs = await run('detect', {input: {data: detector.input(picture), dims: [1, 3, height, width]}});
    return detector.faces(arrays(outputs, Object.keys(outputs)), width);
  },
  /** Encodes a crop, keeps its features under the key, and tells its latent. */
  async encode({key, crop}) {
    const {size} = await description;
    const outputs = await run('encode', {image: {data: crop, dims: [1, size, size, 3]}});
    faces.set(key, outputs);
    return outputs.latent.data;
  },
  /** Edits a picture of the camera; gives the picture back with what belongs over it, as `Follower.edit`. */
  async follow({frame, time, strengths}) {
    follower ??= new Follower(modelFile.read(await tasks.describe()), {
      detect: tasks.detect,
      encode: (crop) => tasks.encode({key: FOLLOWED, crop}),
      decode: (latent) => tasks.decode({key: FOLLOWED, latent}),
    });
    const edited = await follower.edit(frame, time, strengths);
    const transfer = [frame, ...edited.laid ? [edited.laid.pixels.data.buffer] : []];
    return {frame, ...edited, transfer};
  },
  /** Forgets the face of the camera. */
  async unfollow() {
    follower?.close();
    follower = null;
    faces.delete(FOLLOWED);
  },
  async decode(edit) {
    const outputs = await run('decode', await inputs('decode', edit));
    return arrays(outputs, ['displacement', 'alpha_logit', 'color', 'shading']);
  },
  async mask(edit) {
    const outputs = await run('mask', await inputs('mask', edit));
    return outputs.mask_logit.data;
  },
  async forget(key) {
    faces.delete(key);
  },
};

self.addEventListener('message', async ({data: {id, task, argument}}) => {
  try {
    const result = await tasks[task](argument);
    const {transfer = []} = result ?? {};
    self.postMessage({id, result}, transfer);
  } catch (error) {
    self.postMessage({id, error: String(error?.message ?? error)});
  }
});

start();
