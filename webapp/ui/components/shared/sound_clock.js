// @ts-check
// The clock of what sounds and what is looked at: players open sound here, and wait, draw and count by it.
// Whoever sets `window.kallosSoundClock` before a page loads moves its players' time on, as tests do.

/**
 * @typedef {object} SoundClock
 * @property {(options: AudioContextOptions) => AudioContext} open a place for sound, whose `currentTime` goes by this clock
 * @property {() => number} now milliseconds, as `performance.now()` counts them
 * @property {(ms: number, act: () => void) => () => void} after calls `act` once, unless the function that it returns is called first
 * @property {(act: (nowMs: number) => void) => void} frame calls `act` before the next frame is drawn
 */

/** @type {SoundClock} */
const browsersOwn = {
  open(options) {
    const Context = window.AudioContext ?? /** @type {any} */ (window).webkitAudioContext;
    return new Context(options);
  },
  now: () => performance.now(),
  after(ms, act) {
    const timer = window.setTimeout(act, ms);
    return () => window.clearTimeout(timer);
  },
  frame(act) {
    window.requestAnimationFrame(act);
  },
};

/** @type {SoundClock} */
export const clock = /** @type {any} */ (window).kallosSoundClock ?? browsersOwn;
