// As much of a browser as the modules need that are tested here: storage, and a sound clock that a test moves on.

import "./sound_clock.js";

const stored = new Map();

globalThis.window = globalThis;
globalThis.navigator ??= {};
globalThis.localStorage = {
  getItem: (key) => stored.get(key) ?? null,
  setItem: (key, value) => stored.set(key, String(value)),
  removeItem: (key) => stored.delete(key),
};
globalThis.addEventListener = () => {};
globalThis.removeEventListener = () => {};
globalThis.dispatchEvent = () => true;

/** What a page's storage holds. */
export const storage = stored;

/** See sound_clock.js. */
export const clock = globalThis.kallosSoundClock;

/** Every source that was started. */
export const sources = clock.sounds;
