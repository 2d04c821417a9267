// Algorithms 1 and 2 with the numbers of the decoder: pure functions of arrays.

export const AT_REST = 0.75; // how much of what a face shows `neutral` takes away, as editing/latent.py has it

/** latent + Σ strength · direction */
export function edited(latent, directions, strengths) {
  const sum = Float32Array.from(latent);
  for (const [name, strength] of Object.entries(strengths)) {
    const direction = directions[name];
    for (let i = 0; i < sum.length; i++) sum[i] += strength * direction[i];
  }
  return sum;
}

export function mixed(first, second, t) {
  return first.map((value, i) => (1 - t) * value + t * second[i]);
}

/**
 * How much of each expression a face shows: its distance from the mean neutral latent, written by non-negative least squares
 * as a sum of the known directions, weighed by how people differ who show the same.
 */
export function shares(latent, {neutral, directions, readings: {rows, gram}}) {
  const offset = latent.map((value, i) => value - neutral[i]);
  const dot = (u, v) => u.reduce((sum, value, i) => sum + value * v[i], 0);
  const goal = rows.map((row) => dot(row, offset));
  const found = rows.map(() => 0);
  // One coordinate after the other: the problem is convex and small.
  for (let round = 0; round < 2000; round++) {
    let moved = 0;
    for (let i = 0; i < found.length; i++) {
      const rest = goal[i] - dot(gram[i], found) + gram[i][i] * found[i];
      const share = Math.max(rest / gram[i][i], 0);
      moved = Math.max(moved, Math.abs(share - found[i]));
      found[i] = share;
    }
    if (moved < 1e-7) break;
  }
  return Object.fromEntries(Object.keys(directions).map((name, n) => [name, found[n]]));
}

/** The direction that takes the expression out of a face: of what it shows, none counted more than once, AT_REST is subtracted. */
export function neutralizing(latent, model) {
  const change = new Float32Array(latent.length);
  for (const [name, share] of Object.entries(shares(latent, model))) {
    const direction = model.directions[name];
    for (let i = 0; i < change.length; i++) change[i] -= AT_REST * Math.min(share, 1) * direction[i];
  }
  return change;
}

/** log(1 − sigmoid(x)) */
function logKept(x) {
  return -(Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))));
}

/**
 * What an edit changes: exactly nothing for the face's own latent.
 *
 * @param decoded {displacement, alpha_logit, color, shading} of the edited latent; without those that the model lacks
 * @param own the same of the face's own latent
 * @returns {displacement, alpha, color, shading}: crop px, [0, 1], [-1, 1], log of a ratio; null for what the model lacks
 */
export function anchored(decoded, own) {
  const displacement = decoded.displacement.map((value, i) => value - own.displacement[i]);
  const shading = decoded.shading?.map((value, i) => value - own.shading[i]) ?? null;
  if (!decoded.alpha_logit) return {displacement, alpha: null, color: null, shading};
  const alpha = decoded.alpha_logit.map((logit, i) =>
    1 - Math.exp(Math.min(0, logKept(logit) - logKept(own.alpha_logit[i]))));
  return {displacement, alpha, color: decoded.color, shading};
}

/** The share of the second photo, from the logits of both masks; the photos themselves at both ends. */
export function secondShare(first, second, t) {
  if (t === 0 || t === 1) return first.map(() => t);
  const shift = Math.log(t) - Math.log1p(-t);
  return first.map((logit, i) => 1 / (1 + Math.exp(logit - second[i] - shift)));
}
