// @ts-check
// How loud everything plays, on every page: the listener's choice, remembered in this browser.

import { store } from "./api.js";
import { clock } from "./sound_clock.js";

const KEPT = "kallos.volume";
const CHANGED = "kallos.volume"; // said on the window

/** From 0 to 1; loudness is heard about as the square of it. */
export const chosen = () => {
  const kept = Number.parseFloat(store.get(KEPT) ?? "");
  return kept >= 0 && kept <= 1 ? kept : 1;
};

/** What sound is multiplied by. */
export const volume = () => chosen() ** 2;

/**
 * Choose, and tell every player of the page.
 * @param {number} share
 */
export function setVolume(share) {
  store.set(KEPT, String(share));
  window.dispatchEvent(new Event(CHANGED));
}

/**
 * A place for sound, and the node to connect to, which is as loud as was chosen. It needs a gesture of the listener.
 * @returns {{ context: AudioContext, loudness: GainNode }}
 */
export function openSound() {
  const context = clock.open({ latencyHint: "interactive" });
  const loudness = context.createGain();
  loudness.gain.value = volume();
  loudness.connect(context.destination);
  onVolume(context, () => {
    loudness.gain.value = volume();
  });
  return { context, loudness };
}

/**
 * Act on every choice for as long as a context is open.
 * @param {AudioContext} context
 * @param {() => void} act
 */
function onVolume(context, act) {
  const listener = () => {
    if (context.state !== "closed") act();
    else window.removeEventListener(CHANGED, listener);
  };
  window.addEventListener(CHANGED, listener);
}
