// Warping a photo at its own resolution with WebGL2.

import {apply, compose, invert, scaled} from './geometry.js';
import {noiseTile, NOISE_SIDE} from './grain.js';
import {Refusal} from './photo.js';
import {CORNERS, DOUBLE, WARP} from './shaders.js';
import {STEPS, tableOf} from './tone.js';

const LOBES = 8;
const NO_TEETH = {pixels: new Uint8Array(4), width: 1, height: 1, lips: new Float32Array(1)};

export class Renderer {
  #gl;
  #programs;
  #textures = {};
  #source = null;
  #field = null;
  #tone = null;
  #noise = noiseTile();

  constructor() {
    this.#start();
  }

  #start() {
    const gl = new OffscreenCanvas(1, 1).getContext('webgl2', {antialias: false, depth: false});
    if (!gl || !gl.getExtension('EXT_color_buffer_float')) {
      throw new Refusal('This page needs WebGL 2, which this browser does not have or has switched off. Switch on hardware acceleration in its settings, or take another browser.');
    }
    this.#gl = gl;
    this.#programs = {double: program(gl, DOUBLE), warp: program(gl, WARP)};
    this.#textures = {};
    this.#source = this.#field = null;
    this.#tone = null;
    this.#upload('tones', STEPS, 1, gl.RGBA32F, gl.RGBA, gl.FLOAT, null);
    this.#upload('noise', NOISE_SIDE, NOISE_SIDE, gl.R32F, gl.RED, gl.FLOAT, this.#noise);
  }

  /** The noise of a pixel, as the shader reads it; of deviation 1. */
  noise(x, y) {
    return this.#noise[NOISE_SIDE * (y % NOISE_SIDE) + x % NOISE_SIDE];
  }

  /** The longest side of a part of a photo that can be warped at once. */
  get longestSide() {
    return Math.floor(this.#gl.getParameter(this.#gl.MAX_TEXTURE_SIZE) / 2);
  }

  /**
   * Warps a part of a photo.
   *
   * @param source {pixels: ImageData, x, y}: the pixels to read, and where they begin in the photo, px
   * @param refined of `spline.refine`
   * @param toCrop similarity, photo px to crop px
   * @param box {x, y, width, height}: the pixels to make, photo px
   * @param options bounds: {width, height} of the photo; showFlow: the flow as colors, not the edit; quick: whether the pixels are read by the bicubic kernel
   *   alone; grain, light: of `grain.measure`; tone: of `tone.toneOf`; skin: by how much each color is shaded; toOther: similarity from photo px to px of the photo that is read, if that is another one; turn: crop px to px of the photo that is read
   * @returns a promise of the box's ImageData
   */
  async warp(source, refined, toCrop, box, {bounds, showFlow = false, quick = false, grain = 0, light = 1, tone = null, skin = [1, 1, 1], flowMaximum = 1, toOther = null, turn = null}) {
    if (this.#gl.isContextLost()) this.#start();
    const gl = this.#gl;
    this.#setSource(source, quick);
    this.#setField(refined);
    this.#setTone(tone);
    const {width, height} = box;
    this.#target('out', width, height, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE);
    const {warp} = this.#programs;
    gl.useProgram(warp);
    ['doubled', 'field', 'content', 'noise', 'teeth', 'cavity', 'lips', 'tones'].forEach((name, unit) => {
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, this.#textures[name].texture);
      gl.uniform1i(gl.getUniformLocation(warp, name), unit);
    });
    const at = (similarity) => {
      const [x, y] = apply(similarity, [box.x, box.y]);
      return [similarity.a, similarity.b, x, y];
    };
    const toSource = at(toOther ?? {a: 1, b: 0, x: 0, y: 0});
    toSource[2] -= source.x;
    toSource[3] -= source.y;
    const back = turn ?? invert(toCrop);
    const set = (name, kind, ...values) => gl[`uniform${kind}`](gl.getUniformLocation(warp, name), ...values);
    set('toFine', '4f', ...at(scaled(toCrop, refined.side / refined.size)));
    set('toSource', '4f', ...toSource);
    set('turn', '2f', back.a, back.b);
    set('bounds', '4f', -source.x, -source.y, bounds.width - 1 - source.x, bounds.height - 1 - source.y);
    const {teeth} = refined;
    const toTeeth = teeth ? compose(teeth.matrix, toCrop) : {a: 0, b: 0, x: 0, y: 0};
    set('toTeeth', '4f', ...at(toTeeth));
    set('finer', '1f', Math.hypot(toTeeth.a, toTeeth.b));
    set('gain', '3f', ...(teeth?.gain ?? [0, 0, 0]));
    const {cavity} = teeth ?? {};
    set('toCrop', '4f', ...at(toCrop));
    set('cavityScale', '2f', ...(cavity?.scale ?? [1, 1]));
    set('cavityShift', '2f', ...(cavity?.shift ?? [0, 0]));
    set('cavityGain', '3f', ...(cavity?.gain ?? [0, 0, 0]));
    set('cavityShare', '1f', cavity?.share ?? 0);
    set('cavityFiner', '1f', Math.hypot(toCrop.a, toCrop.b) * Math.sqrt((cavity?.scale[0] ?? 1) * (cavity?.scale[1] ?? 1)));
    set('noiseOrigin', '2i', box.x, box.y);
    set('grain', '1f', grain);
    set('light', '1f', light);
    set('toneShare', '1f', tone?.share ?? 0);
    set('skin', '3f', ...skin);
    set('flowMaximum', '1f', flowMaximum);
    set('showFlow', '1i', showFlow);
    set('dense', '1i', quick ? 1 : 2);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    return new ImageData(await this.#read(width, height), width, height);
  }

  /** What was drawn, without holding up the page until it is. */
  async #read(width, height) {
    const gl = this.#gl;
    const buffer = gl.createBuffer();
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, buffer);
    gl.bufferData(gl.PIXEL_PACK_BUFFER, 4 * width * height, gl.STREAM_READ);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, 0);
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
    const done = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
    while (gl.clientWaitSync(done, 0, 0) === gl.TIMEOUT_EXPIRED) await new Promise((resolve) => { setTimeout(resolve, 1); });
    const pixels = new Uint8ClampedArray(4 * width * height);
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, buffer);
    gl.getBufferSubData(gl.PIXEL_PACK_BUFFER, 0, pixels);
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
    gl.deleteBuffer(buffer);
    gl.deleteSync(done);
    return pixels;
  }

  /** Forgets all pictures; the next `warp` begins anew. */
  release() {
    const gl = this.#gl;
    if (gl.isContextLost()) return;
    gl.getExtension('WEBGL_lose_context')?.loseContext();
    this.#textures = {};
    this.#source = this.#field = null;
  }

  #setSource(source, quick) {
    if (this.#source === source.pixels) return;
    this.#source = source.pixels;
    const gl = this.#gl;
    const {width, height, data} = source.pixels;
    if (quick) {
      this.#upload('doubled', width, height, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, data);
      return;
    }
    this.#upload('source', width, height, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, data);
    this.#double('source', 'wide', 2 * width, height, [1, 0]);
    this.#double('wide', 'doubled', 2 * width, 2 * height, [0, 1]);
    for (const name of ['source', 'wide']) this.#drop(name);
  }

  #double(from, to, width, height, axis) {
    const gl = this.#gl;
    const {double} = this.#programs;
    this.#target(to, width, height, gl.RGBA16F, gl.RGBA, gl.HALF_FLOAT);
    gl.useProgram(double);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.#textures[from].texture);
    gl.uniform1i(gl.getUniformLocation(double, 'source'), 0);
    gl.uniform2i(gl.getUniformLocation(double, 'axis'), ...axis);
    gl.uniform1fv(gl.getUniformLocation(double, 'kernel'), lanczos());
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  #setField(refined) {
    if (this.#field === refined) return;
    this.#field = refined;
    const gl = this.#gl;
    for (const name of ['field', 'content']) {
      this.#upload(name, refined.side, refined.side, gl.RGBA32F, gl.RGBA, gl.FLOAT, refined[name]);
    }
    const teeth = refined.teeth ?? NO_TEETH;
    const {lips} = teeth;
    for (const [name, {pixels, width, height}] of [['teeth', teeth], ['cavity', teeth.cavity ?? NO_TEETH]]) {
      this.#upload(name, width, height, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    }
    const side = refined.teeth ? refined.side : 1;
    this.#upload('lips', side, side, gl.R32F, gl.RED, gl.FLOAT, lips);
  }

  #setTone(tone) {
    if (tone === null || this.#tone === tone) return;
    this.#tone = tone;
    const gl = this.#gl;
    this.#upload('tones', STEPS, 1, gl.RGBA32F, gl.RGBA, gl.FLOAT, tableOf(tone));
  }

  #upload(name, width, height, ...format) {
    const gl = this.#gl;
    const [internal, channels, type, data] = format;
    const known = this.#textures[name];
    const texture = known?.texture ?? gl.createTexture();
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    if (known?.width === width && known.height === height) {
      if (data) gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, width, height, channels, type, data);
      return;
    }
    gl.texImage2D(gl.TEXTURE_2D, 0, internal, width, height, 0, channels, type, data);
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.NEAREST);
    for (const axis of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, axis, gl.CLAMP_TO_EDGE);
    this.#textures[name] = {...known, texture, width, height};
  }

  /** Makes a texture the place that is drawn to. */
  #target(name, width, height, ...format) {
    const gl = this.#gl;
    this.#upload(name, width, height, ...format, null);
    const entry = this.#textures[name];
    entry.frame ??= gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, entry.frame);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, entry.texture, 0);
    if (gl.checkFramebufferStatus(gl.FRAMEBUFFER) !== gl.FRAMEBUFFER_COMPLETE) {
      throw new Refusal('The graphics memory is too small for this photo. Make the photo smaller first.');
    }
    gl.viewport(0, 0, width, height);
  }

  #drop(name) {
    const {texture, frame} = this.#textures[name];
    this.#gl.deleteTexture(texture);
    if (frame) this.#gl.deleteFramebuffer(frame);
    delete this.#textures[name];
  }
}

/** The weights of the pixels at 0.5, 1.5 … 7.5 px on either side. */
function lanczos() {
  const sinc = (x) => Math.sin(Math.PI * x) / (Math.PI * x);
  const weights = Array.from({length: LOBES}, (_, i) => sinc(i + 0.5) * sinc((i + 0.5) / LOBES));
  const sum = 2 * weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

function program(gl, fragment) {
  const made = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, CORNERS], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(`a shader was refused: ${gl.getProgramInfoLog(made)} ${
      gl.getAttachedShaders(made).map((shader) => gl.getShaderInfoLog(shader)).join(' ')}`);
  }
  return made;
}
