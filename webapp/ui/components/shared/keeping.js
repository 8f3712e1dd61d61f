// @ts-check
// Whether picks outlive the server's disk, said beside their number, where the server keeps them elsewhere as well.

import { kept, pause } from "./api.js";

const ASK_EVERY_S = 0.8;
/** @type {WeakMap<Element, number>} */
const rounds = new WeakMap();

/**
 * After an answer: say it in `place` until they do.
 * @param {Element} place
 * @param {boolean | null | undefined} already what the server said of the answer; nothing where it keeps none elsewhere
 */
export async function sayKept(place, already) {
  if (already === null || already === undefined) return;
  const round = (rounds.get(place) ?? 0) + 1;
  rounds.set(place, round);
  let safe = already;
  while (rounds.get(place) === round && place.isConnected) {
    place.textContent = safe ? "kept" : "being kept…";
    if (safe) return;
    await pause(ASK_EVERY_S);
    safe = await kept().then(
      (/** @type {{kept: boolean | null}} */ answer) => answer.kept ?? true,
      () => false,
    );
  }
}
