// @ts-check
// The same place in the music of two pieces of different tempi.

/**
 * The place in `to` that is as many bars into the music as `seconds` is in `from` (seconds at which bars begin).
 * @param {number} seconds
 * @param {number[]} from
 * @param {number[]} to
 */
export function samePlace(seconds, from, to) {
  if (!from.length || !to.length) return 0;
  const last = from.length - 1;
  let bar = from.findIndex((start) => start > seconds) - 1;
  if (bar < -1) bar = last; // behind the last bar: the sound of its last notes
  if (bar < 0) return Math.max(0, to[0] + seconds - from[0]);
  if (bar >= last || bar >= to.length - 1) return to[to.length - 1] + Math.max(0, seconds - from[Math.min(bar, last)]);
  const share = (seconds - from[bar]) / (from[bar + 1] - from[bar]);
  return to[bar] + share * (to[bar + 1] - to[bar]);
}
