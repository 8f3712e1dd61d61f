// @ts-check
// Bars that are asked for one after the other, each as late as its way here allows, and sound without a gap.

import { openSound } from "../shared/volume.js";

const FIRST_S = 0.8; // that a bar may take to come, as long as too few have told
const LEAST_LEAD_S = 0.25;
const MARGIN_S = 0.1;
const HIDDEN_S = 1.2; // a page that nobody sees is woken once a second
const RECENT = 8;
const FADE_S = 0.08;
const SOON_S = 0.06;

/**
 * @typedef {{number: number, tempo_bpm: number, meter: number[], ticks: number, seconds: number, tonic: number, major: boolean, notes: number[][], readouts: Record<string, number>, sides: Record<string, number>, audio: string, audio_after_s: number}} Bar
 */

/** @param {string} text base64 */
const bytesOf = (text) => Uint8Array.from(window.atob(text), (each) => each.charCodeAt(0)).buffer;

/** Emits "bar" when one begins to sound (`bar`), "scheduled" as soon as that is known, "trouble" and "change". */
export class BarPlayer extends EventTarget {
  /** @type {Bar | null} */
  bar = null;
  playing = false;
  late = 0; // bars that were not there in time
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {GainNode | null} */
  #loudness = null;
  /** @type {{source: AudioBufferSourceNode, gain: GainNode}[]} */
  #sounding = [];
  #took = [FIRST_S];
  #turn = 0; // of playing: what was asked for in an earlier one comes too late
  #begin = 0; // of the next bar, in the context's time

  /** @param {() => Promise<Bar>} ask for the next bar, by what is seen now */
  constructor(ask) {
    super();
    this.ask = ask;
  }

  /** Seconds before a bar begins at which it is asked for. */
  get leadS() {
    return Math.max(LEAST_LEAD_S, 1.25 * Math.max(...this.#took) + MARGIN_S) + (document.hidden ? HIDDEN_S : 0);
  }

  /** Seconds of the context's time of what leaves the loudspeaker now. */
  get heardS() {
    return (this.#context?.currentTime ?? 0) - (this.#context?.outputLatency || 0);
  }

  /** When a time of the context is in `performance.now()`. @param {number} seconds */
  clockMs(seconds) {
    const now = this.#context?.currentTime ?? 0;
    return performance.now() + (seconds - now) * 1000;
  }

  /** Inside a tap or key press. */
  async start() {
    if (this.playing) return;
    this.playing = true;
    this.#turn += 1;
    this.#begin = 0;
    const context = this.#context ?? this.#open();
    this.#changed();
    await context.resume();
    this.#next(this.#turn);
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.#turn += 1;
    const now = this.#context?.currentTime ?? 0;
    for (const { source, gain } of this.#sounding) {
      gain.gain.setTargetAtTime(0, now, FADE_S / 3);
      source.stop(now + FADE_S);
    }
    this.#sounding = [];
    this.#changed();
  }

  /** @param {number} turn */
  async #next(turn) {
    const asked = performance.now();
    let bar;
    let buffer = null;
    try {
      bar = await this.ask();
      if (bar.audio) buffer = await /** @type {AudioContext} */ (this.#context).decodeAudioData(bytesOf(bar.audio));
    } catch (/** @type {any} */ error) {
      if (turn !== this.#turn) return;
      this.pause();
      this.dispatchEvent(new CustomEvent("trouble", { detail: error }));
      return;
    }
    if (turn !== this.#turn) return;
    const took = (performance.now() - asked) / 1000;
    this.#took = [...this.#took, took].slice(-RECENT);
    const context = /** @type {AudioContext} */ (this.#context);
    if (this.#begin && this.#begin < context.currentTime) this.late += 1;
    const begin = Math.max(this.#begin, context.currentTime + SOON_S);
    if (buffer) this.#schedule(buffer, begin + bar.audio_after_s);
    this.#begin = begin + bar.seconds;
    this.dispatchEvent(new CustomEvent("scheduled", { detail: { bar, atMs: this.clockMs(begin) } }));
    performance.measure("kallos.live", { start: asked, end: this.clockMs(begin), detail: { bar: bar.number, ms: bar.seconds * 1000, took } });
    this.#at(begin, turn, () => {
      this.bar = bar;
      this.beganS = begin;
      this.dispatchEvent(new Event("bar"));
    });
    this.#at(this.#begin - Math.min(this.leadS, bar.seconds), turn, () => this.#next(turn));
  }

  /** Seconds at which the bar that sounds began, in the context's time. */
  beganS = 0;

  /**
   * @param {AudioBuffer} buffer
   * @param {number} at
   */
  #schedule(buffer, at) {
    const context = /** @type {AudioContext} */ (this.#context);
    const source = new AudioBufferSourceNode(context, { buffer });
    const gain = new GainNode(context);
    source.connect(gain).connect(this.#loudness ?? context.destination);
    source.start(at);
    const one = { source, gain };
    this.#sounding.push(one);
    source.onended = () => {
      this.#sounding = this.#sounding.filter((each) => each !== one);
    };
  }

  /**
   * @param {number} seconds
   * @param {number} turn
   * @param {() => void} act
   */
  #at(seconds, turn, act) {
    const wait = (seconds - (this.#context?.currentTime ?? 0)) * 1000;
    window.setTimeout(() => turn === this.#turn && act(), Math.max(0, wait));
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
