// The minimal cut of a graph by its largest flow (Dinic 1970).

/**
 * Cuts a graph in two.
 *
 * @param count nodes
 * @param edges {from, to, weights}: what parting two nodes costs, either way
 * @param ofSource what a node pays for being on the sink's side
 * @param ofSink what it pays for being on the source's
 * @returns Uint8Array: 1 for nodes on the source's side
 */
export function minimalCut(count, {from, to, weights}, ofSource, ofSink) {
  const [source, sink] = [count, count + 1];
  const head = new Int32Array(count + 2).fill(-1);
  const most = 2 * (weights.length + count);
  const [next, end, left] = [new Int32Array(most), new Int32Array(most), new Float64Array(most)];
  let arcs = 0; // each beside its way back
  const join = (one, other, there, back) => {
    for (const [start, goal, weight] of [[one, other, there], [other, one, back]]) {
      [next[arcs], end[arcs], left[arcs]] = [head[start], goal, weight];
      head[start] = arcs++;
    }
  };
  weights.forEach((weight, n) => join(from[n], to[n], weight, weight));
  for (let i = 0; i < count; i++) { // what both ends cost flows straight through
    const rest = ofSource[i] - ofSink[i];
    if (rest > 0) join(source, i, rest, 0);
    else if (rest < 0) join(i, sink, -rest, 0);
  }
  const level = new Int32Array(count + 2);
  const queue = new Int32Array(count + 2);
  const reach = () => {
    level.fill(-1);
    level[source] = 0;
    queue[0] = source;
    for (let n = 0, filled = 1; n < filled; n++) {
      for (let arc = head[queue[n]]; arc >= 0; arc = next[arc]) {
        if (left[arc] <= 1e-9 || level[end[arc]] >= 0) continue;
        level[end[arc]] = level[queue[n]] + 1;
        queue[filled++] = end[arc];
      }
    }
    return level[sink] >= 0;
  };
  const path = new Int32Array(count + 2); // arcs from the source on
  while (reach()) {
    const now = head.slice(); // arcs before are used up
    let [node, length] = [source, 0];
    while (true) {
      if (node === sink) {
        let least = Infinity;
        for (let n = 0; n < length; n++) least = Math.min(least, left[path[n]]);
        let full = 0;
        for (let n = length - 1; n >= 0; n--) {
          left[path[n]] -= least;
          left[path[n] ^ 1] += least;
          if (left[path[n]] <= 1e-9) full = n;
        }
        length = full; // on from before the first arc that is full
        node = end[path[full] ^ 1];
        continue;
      }
      const arc = now[node];
      if (arc < 0) {
        if (length === 0) break;
        level[node] = -1;
        node = end[path[--length] ^ 1];
        now[node] = next[now[node]];
      } else if (left[arc] > 1e-9 && level[end[arc]] === level[node] + 1) {
        path[length++] = arc;
        node = end[arc];
      } else {
        now[node] = next[arc];
      }
    }
  }
  return Uint8Array.from({length: count}, (_, i) => Number(level[i] >= 0)); // what the source still reaches
}
