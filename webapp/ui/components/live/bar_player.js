// @ts-check
// Bars that are asked for one after the other, each as late as its way here allows, and sound without a gap. Where
// something else is seen after that, the bar goes by it from its middle beat on.

import { clock } from "../shared/sound_clock.js";
import { openSound } from "../shared/volume.js";

const FIRST_S = 0.8; // that a bar may take to come, as long as none has told
const LEAST_LEAD_S = 0.25;
const MARGIN_S = 0.1;
const HIDDEN_S = 1.2; // a page that nobody sees is woken once a second
const RECENT = 8;
const SLOWER = 1.25; // than those bars the next may be
const FADE_S = 0.08;
const HALF_FADE_S = 0.05; // before its first beat: a second half comes with as much
const SOON_S = 0.06;

/**
 * @typedef {{number: number, tempo_bpm: number, meter: number[], ticks: number, middle: number, from_tick: number, seconds: number, tonic: number, major: boolean, notes: number[][], readouts: Record<string, number>, sides: Record<string, number>, audio: string, audio_after_s: number}} Bar
 * @typedef {{bar: Bar, from: number, to: number, atMs: number}} Part of a bar, in ticks, which begins at `atMs`, as the clock counts
 * @typedef {{source: AudioBufferSourceNode, gain: GainNode}} Sound
 * @typedef {{bar: Bar, buffer: AudioBuffer | null, asked: number}} Made
 */

/** @param {string} text base64 */
const bytesOf = (text) => Uint8Array.from(window.atob(text), (each) => each.charCodeAt(0)).buffer;

/** @param {number} took seconds */
const leadOf = (took) => Math.max(LEAST_LEAD_S, SLOWER * took + MARGIN_S);

/**
 * @param {Sound} sound
 * @param {number} at
 * @param {number} seconds
 */
function fadeOut({ source, gain }, at, seconds) {
  gain.gain.setTargetAtTime(0, at, seconds / 3);
  source.stop(at + 2 * seconds);
}

/** Emits "bar" when one, or a second half, begins to sound (`bar`), "scheduled" with a `Part` before, "trouble" and "change". */
export class BarPlayer extends EventTarget {
  /** @type {Bar | null} */
  bar = null;
  playing = false;
  late = 0; // bars that were not there in time
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {GainNode | null} */
  #loudness = null;
  /** @type {Sound[]} */
  #sounding = [];
  /** Seconds that the last few bars and halves took to come. @type {number[]} */
  #took = [];
  #turn = 0; // of playing: what was asked for in an earlier one comes too late
  #begin = 0; // of the next bar, in the context's time
  /** What was asked for last, settled once it is there or failed: the server composes one at a time. @type {Promise<unknown>} */
  #coming = Promise.resolve();

  /**
   * @param {() => Promise<Bar>} ask for the next bar, by what is seen now
   * @param {() => Promise<Bar> | null} askForHalf for the second half of the last bar, where something else is seen by now
   */
  constructor(ask, askForHalf) {
    super();
    this.ask = ask;
    this.askForHalf = askForHalf;
  }

  /** Seconds before a bar begins at which it is asked for: as the slow ones take, but for the slowest of eight. */
  get leadS() {
    const slow = this.#tookSorted.at(this.#took.length < RECENT ? -1 : -2) ?? FIRST_S;
    return leadOf(slow) + (document.hidden ? HIDDEN_S : 0);
  }

  /** The same for a second half, which may come a little late: as a usual one took. */
  get usualS() {
    return leadOf(this.#tookSorted[this.#took.length >> 1] ?? FIRST_S);
  }

  get #tookSorted() {
    return [...this.#took].sort((one, other) => one - other);
  }

  /** Seconds of the context's time of what leaves the loudspeaker now. */
  get heardS() {
    return (this.#context?.currentTime ?? 0) - (this.#context?.outputLatency || 0);
  }

  /** When a time of the context is on the clock. @param {number} seconds */
  clockMs(seconds) {
    const now = this.#context?.currentTime ?? 0;
    return clock.now() + (seconds - now) * 1000;
  }

  /** Inside a tap or key press. */
  async start() {
    if (this.playing) return;
    this.playing = true;
    const turn = (this.#turn += 1);
    this.#begin = 0;
    const context = this.#context ?? this.#open();
    this.#changed();
    await context.resume();
    if (turn === this.#turn) this.#next(turn);
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.#turn += 1;
    const now = this.#context?.currentTime ?? 0;
    for (const sound of this.#sounding) fadeOut(sound, now, FADE_S);
    this.#sounding = [];
    this.#changed();
  }

  /** @param {number} turn */
  async #next(turn) {
    let made;
    await this.#coming;
    if (turn !== this.#turn) return;
    try {
      made = await this.#made(this.ask());
    } catch (/** @type {any} */ error) {
      if (turn !== this.#turn) return;
      this.pause();
      this.dispatchEvent(new CustomEvent("trouble", { detail: error }));
      return;
    }
    if (turn !== this.#turn) return;
    const context = /** @type {AudioContext} */ (this.#context);
    if (this.#begin && this.#begin < context.currentTime) this.late += 1;
    const begin = Math.max(this.#begin, context.currentTime + SOON_S);
    const { bar } = made;
    const changes = bar.middle > 0 && !document.hidden;
    const sound = this.#sounds(made, begin, turn, 0, changes ? bar.middle : bar.ticks);
    this.#begin = begin + bar.seconds;
    if (changes) {
      const middle = begin + (bar.seconds * bar.middle) / bar.ticks;
      const half = await this.#half(turn, begin, middle);
      if (turn !== this.#turn) return;
      if (half) {
        if (sound) fadeOut(sound, Math.max(middle - HALF_FADE_S, context.currentTime), HALF_FADE_S);
        this.#sounds(half, middle, turn, bar.middle, bar.ticks);
        this.#begin = middle + half.bar.seconds * (1 - bar.middle / bar.ticks);
      } else this.#scheduled(bar, bar.middle, bar.ticks, middle);
    }
    this.#at(this.#begin - Math.min(this.leadS, bar.seconds), turn, () => this.#next(turn));
  }

  /** @param {Promise<Bar>} coming @returns {Promise<Made>} */
  async #made(coming) {
    const asked = clock.now();
    this.#coming = coming.catch(() => null);
    const bar = await coming;
    const buffer = bar.audio ? await /** @type {AudioContext} */ (this.#context).decodeAudioData(bytesOf(bar.audio)) : null;
    this.#took = [...this.#took, (clock.now() - asked) / 1000].slice(-RECENT);
    return { bar, buffer, asked };
  }

  /**
   * The second half of the bar that begins and has its middle then; null where nothing else is seen, it would not be
   * there in time, or there is none: the bar goes on as it was.
   * @param {number} turn
   * @param {number} begin
   * @param {number} middle
   * @returns {Promise<Made | null>}
   */
  async #half(turn, begin, middle) {
    const inTime = middle - begin >= this.usualS;
    await this.#until(middle - (inTime ? this.usualS : SOON_S));
    const coming = inTime && turn === this.#turn ? this.askForHalf() : null;
    return coming && this.#made(coming).catch(() => null);
  }

  /**
   * Have a bar or its second half sound, and say so.
   * @param {Made} made
   * @param {number} begin
   * @param {number} turn
   * @param {number} from
   * @param {number} to
   */
  #sounds({ bar, buffer, asked }, begin, turn, from, to) {
    this.#scheduled(bar, from, to, begin);
    performance.measure("kallos.live", { start: asked, end: this.clockMs(begin), detail: { bar: bar.number, from, ms: bar.seconds * 1000 } });
    this.#at(begin, turn, () => {
      this.bar = bar;
      this.beganS = begin - (bar.seconds * from) / bar.ticks;
      this.dispatchEvent(new Event("bar"));
    });
    return buffer && this.#schedule(buffer, begin + bar.audio_after_s);
  }

  /**
   * @param {Bar} bar
   * @param {number} from
   * @param {number} to
   * @param {number} begin
   */
  #scheduled(bar, from, to, begin) {
    this.dispatchEvent(new CustomEvent("scheduled", { detail: { bar, from, to, atMs: this.clockMs(begin) } }));
  }

  /** Seconds at which the bar that sounds began, in the context's time. */
  beganS = 0;

  /**
   * @param {AudioBuffer} buffer
   * @param {number} at
   */
  #schedule(buffer, at) {
    const context = /** @type {AudioContext} */ (this.#context);
    const source = context.createBufferSource();
    source.buffer = buffer;
    const gain = context.createGain();
    source.connect(gain).connect(this.#loudness ?? context.destination);
    const late = Math.max(0, context.currentTime - at);
    source.start(at + late, late);
    const one = { source, gain };
    this.#sounding.push(one);
    source.onended = () => {
      this.#sounding = this.#sounding.filter((each) => each !== one);
    };
    return one;
  }

  /**
   * @param {number} seconds
   * @param {number} turn
   * @param {() => void} act
   */
  #at(seconds, turn, act) {
    this.#until(seconds).then(() => turn === this.#turn && act());
  }

  /** @param {number} seconds @returns {Promise<void>} */
  #until(seconds) {
    const wait = (seconds - (this.#context?.currentTime ?? 0)) * 1000;
    return new Promise((resolve) => clock.after(Math.max(0, wait), resolve));
  }

  #open() {
    const { context, loudness } = openSound();
    this.#loudness = loudness;
    this.#context = context;
    return context;
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
