// What the page knows of its model.

/** The exemplars of model.json with their pixels, or null. */
function withPixels(told, packed) {
  if (!told) return null;
  const {shape: [count, height, width, channels], lip, light, eye_distance: eyeDistance, expression} = told;
  const one = height * width * channels;
  const cavity = told.cavity && {
    width: told.cavity.shape[1],
    height: told.cavity.shape[0],
    light: told.cavity.light,
    pixels: packed.subarray(count * one),
  };
  const pixels = Array.from({length: count}, (_, n) => packed.subarray(n * one, (n + 1) * one));
  return {count, width, height, lip, light, eyeDistance, expression, pixels, cavity};
}

/** The folds of model.json with their maps, or null. */
function withMaps(told, packed) {
  if (!told) return null;
  const {shape: [count, side], corners, light, expressions, step} = told;
  const maps = Array.from({length: count}, (_, n) => packed.subarray(n * side * side, (n + 1) * side * side));
  return {side, corners, light, expressions, step, maps};
}

/** How lips are found, of model.json and with its numbers, or null: tables of a row of constants and one for each number that is seen. */
function withTables(told, numbers) {
  if (!told) return null;
  const start = told.start[0] * told.start[1];
  const [count, rows, columns] = told.steps;
  const step = rows * columns;
  const steps = Array.from({length: count}, (_, n) => numbers.subarray(start + n * step, start + (n + 1) * step));
  return {start: numbers.subarray(0, start), steps};
}

/**
 * Reads model.json, latents.bin, exemplars.bin, folds.bin and lips.bin.
 *
 * @param described {told, latents, teeth, folds, lips}: their contents
 * @returns {size, goals: where eyes belong in a crop, neutral, directions: by expression, readings: {rows, gram}, what measures how much
 *   of each expression a face shows, expressions: their names,
 *   mask: whether two photos can be mixed, exemplars: of teeth, or null, folds: of skin, or null, lips: how they are found, or null, told: all of model.json}
 */
export function read({told, latents, teeth, folds, lips}) {
  const count = told.latents.shape.reduce((product, side) => product * side, 1);
  const {order, gram} = told.latents;
  const array = (n) => latents.subarray(n * count, (n + 1) * count);
  const {neutral, ...directions} = Object.fromEntries(order.map((name, n) => [name, array(n)]));
  const readings = {rows: Object.keys(directions).map((_, n) => array(order.length + n)), gram};
  return {
    size: told.size,
    goals: told.eyes,
    neutral,
    directions,
    readings,
    expressions: Object.keys(directions),
    mask: told.mask,
    exemplars: withPixels(told.exemplars, teeth),
    folds: withMaps(told.folds, folds),
    lips: withTables(told.lips, lips),
    told,
  };
}
