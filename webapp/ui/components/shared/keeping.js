// @ts-check
// Whether answers outlive the server's disk, said beside them, where the server keeps them elsewhere as well.

import { kept as picksKept, pause } from "./api.js";

const ASK_EVERY_S = 0.8;
/** @type {WeakMap<Element, number>} */
const rounds = new WeakMap();

/**
 * After an answer: say it in `place` until they do.
 * @param {Element} place
 * @param {boolean | null | undefined} already what the server said of the answer; nothing where it keeps none elsewhere
 * @param {() => Promise<{kept: boolean | null}>} ask how it stands now
 * @param {{yes: string, notYet: string}} words
 */
export async function sayKept(place, already, ask = picksKept, words = { yes: "kept", notYet: "being kept…" }) {
  if (already === null || already === undefined) return;
  const round = (rounds.get(place) ?? 0) + 1;
  rounds.set(place, round);
  let safe = already;
  while (rounds.get(place) === round && place.isConnected) {
    place.textContent = safe ? words.yes : words.notYet;
    if (safe) return;
    await pause(ASK_EVERY_S);
    const { kept } = await ask().catch(() => ({ kept: false }));
    if (kept === null) place.textContent = ""; // nothing is kept elsewhere any more: nothing is promised
    if (kept === null) return;
    safe = kept;
  }
}
