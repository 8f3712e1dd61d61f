// @ts-check
// One WebAudio player for the clips of a pair or a four: each resumes at its own place, switching is a 5 ms crossfade, and what
// was heard is counted in the audio clock's own time, which stands still whenever nothing sounds.

import { clock } from "./sound_clock.js";
import { openSound } from "./volume.js";

const FADE_S = 0.005;
const JOIN_S = 0.15; // between two recordings of the same music
const END_S = 0.03; // nearer to the end than this counts as the end
const REVIVE_MS = 1500; // a context that does not run again after this is replaced

export const SOUNDS = "kallos.sounds"; // said on the document by whoever begins to sound: all others fall silent

/** @typedef {{buffer: AudioBuffer, position: number, heardS: number, begun: boolean}} Track */
/** @typedef {{side: string, source: AudioBufferSourceNode, gain: GainNode, startedAt: number, offset: number}} Sounding */

/** @param {string} side */
export const other = (side) => (side === "a" ? "b" : "a");

/**
 * Encoded bytes to samples; needs no tap, unlike a playing context.
 * @param {ArrayBuffer} bytes
 * @returns {Promise<AudioBuffer>}
 */
export function decode(bytes) {
  const Offline = window.OfflineAudioContext ?? /** @type {any} */ (window).webkitOfflineAudioContext;
  return new Offline(2, 1, 44100).decodeAudioData(bytes);
}

/** Emits "change" whenever something else sounds than before. */
export class Player extends EventTarget {
  /** Whether a side that was not begun yet sounds by itself after another. */
  followsOn = true;
  last = "a";
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {GainNode | null} */
  #loudness = null; // as the listener has set it
  /** @type {Record<string, Track | null>} */
  #clips = {}; // by side
  /** @type {Sounding | null} */
  #sounding = null; // what plays, or would if the context ran

  /**
   * Take AudioBuffers by side in (or null); `heardMs` continues counts from before a reload.
   * @param {Record<string, AudioBuffer | null>} buffers
   * @param {Record<string, number>} heardMs
   */
  load(buffers, heardMs = {}) {
    this.#release();
    this.#clips = {};
    for (const [side, buffer] of Object.entries(buffers)) {
      const heardS = (heardMs[side] ?? 0) / 1000;
      this.#clips[side] = buffer && { buffer, position: 0, heardS, begun: heardS > 0 };
    }
    this.last = "a";
    this.#changed();
  }

  /** Which side sounds now, or null. */
  get playing() {
    return this.#sounding && this.#context?.state === "running" ? this.#sounding.side : null;
  }

  /** Which side was touched last and stands ready to go on. */
  get current() {
    return this.#sounding?.side ?? this.last;
  }

  /** @param {string} side */
  duration(side) {
    return this.#clips[side]?.buffer.duration ?? 0;
  }

  /**
   * Seconds from the clip's start of what leaves the loudspeaker now.
   * @param {string} side
   */
  position(side) {
    const clip = this.#clips[side];
    if (!clip) return 0;
    if (this.#sounding?.side !== side) return clip.position;
    const audible = this.#playedS() - (this.#context?.outputLatency || 0);
    return Math.min(clip.buffer.duration, this.#sounding.offset + Math.max(0, audible));
  }

  /**
   * Milliseconds that this side really sounded, repeats counted.
   * @param {string} side
   */
  heardMs(side) {
    const clip = this.#clips[side];
    if (!clip) return 0;
    const now = this.#sounding?.side === side ? this.#playedS() : 0;
    return Math.round((clip.heardS + now) * 1000);
  }

  /**
   * Whether a side has sounded to its end.
   * @param {string} side
   */
  ended(side) {
    const clip = this.#clips[side];
    return !!clip && this.#sounding?.side !== side && clip.position > clip.buffer.duration - END_S;
  }

  /** Inside a tap or key press: make sound possible, on an iPhone also with its mute switch on. */
  unlock() {
    const { audioSession } = /** @type {any} */ (navigator);
    if (audioSession) audioSession.type = "playback";
    const context = !this.#context || this.#context.state === "closed" ? this.#open() : this.#context;
    if (context.state !== "running") this.#revive(context);
  }

  /**
   * Sound a side from where it stood (from the start where it had ended), silencing another at once.
   * @param {string} side
   */
  play(side, fadeS = FADE_S) {
    const clip = this.#clips[side];
    if (!clip) return;
    const context = this.#context ?? this.#open();
    if (this.#sounding?.side === side) return;
    this.#release();
    clip.begun = true;
    if (clip.position > clip.buffer.duration - END_S) clip.position = 0;
    const now = context.currentTime;
    const source = context.createBufferSource();
    source.buffer = clip.buffer;
    const gain = context.createGain();
    gain.gain.value = 0;
    gain.gain.setValueAtTime(0, now);
    gain.gain.linearRampToValueAtTime(1, now + fadeS);
    source.connect(gain).connect(this.#loudness ?? context.destination);
    const sounding = { side, source, gain, startedAt: now, offset: clip.position };
    source.onended = () => {
      if (this.#sounding === sounding) this.#ended(side);
    };
    source.start(now, clip.position);
    this.#sounding = sounding;
    this.last = side;
    this.#changed();
  }

  pause() {
    this.#release();
    this.#changed();
  }

  /**
   * Go on or stop, whichever it is not doing.
   * @param {string} side
   */
  toggle(side = this.current) {
    if (this.playing === side) this.pause();
    else if (this.#sounding?.side !== side) this.play(side);
    // else: it waits for a context that was interrupted, which unlock() has just woken
  }

  /**
   * Go to a second of one side; sounds on from there if it was sounding, and has ended where that is its end.
   * @param {string} side
   * @param {number} seconds
   */
  seek(side, seconds) {
    const clip = this.#clips[side];
    if (!clip) return;
    const sounding = this.#sounding?.side === side;
    if (sounding) this.#release();
    clip.position = Math.min(Math.max(0, seconds), clip.buffer.duration);
    if (!sounding) this.#changed();
    else if (clip.position > clip.buffer.duration - END_S) this.#ended(side);
    else this.play(side);
  }

  /**
   * Take in a longer recording of the music that a side holds; what sounds goes on in it, at the same place.
   * @param {string} side
   * @param {AudioBuffer} buffer
   */
  extend(side, buffer) {
    const clip = this.#clips[side];
    if (!clip) return;
    const sounds = this.#sounding?.side === side;
    if (sounds) this.#release(JOIN_S);
    clip.buffer = buffer;
    if (sounds) this.play(side, JOIN_S);
    else this.#changed();
  }

  #open() {
    const { context, loudness } = openSound();
    context.addEventListener("statechange", () => this.#changed());
    this.#loudness = loudness;
    this.#context = context;
    return context;
  }

  /** @param {AudioContext} context */
  async #revive(context) {
    const late = new Promise((resolve) => {
      clock.after(REVIVE_MS, () => resolve("late"));
    });
    const outcome = await Promise.race([context.resume().catch(() => "late"), late]);
    if (outcome !== "late" || context.state === "running" || this.#context !== context) return;
    // after a phone call some browsers never wake a context again: go on with a fresh one
    const side = this.#sounding?.side;
    this.#release();
    context.close().catch(() => {});
    this.#open()
      .resume()
      .catch(() => {});
    if (side) this.play(side);
  }

  #playedS() {
    if (!this.#sounding) return 0;
    const { side, startedAt, offset } = this.#sounding;
    const left = (this.#clips[side]?.buffer.duration ?? 0) - offset;
    return Math.min(left, Math.max(0, (this.#context?.currentTime ?? 0) - startedAt));
  }

  /** Fade the sounding side out and write down how far it came. */
  #release(fadeS = FADE_S) {
    if (!this.#sounding) return;
    const { side, source, gain, offset } = this.#sounding;
    const played = this.#playedS();
    const clip = this.#clips[side];
    if (clip) {
      clip.heardS += played;
      clip.position = offset + played;
    }
    this.#sounding = null;
    const now = this.#context?.currentTime ?? 0;
    gain.gain.cancelScheduledValues(now);
    gain.gain.setValueAtTime(gain.gain.value, now);
    gain.gain.linearRampToValueAtTime(0, now + fadeS);
    source.stop(now + fadeS + 0.001);
  }

  /**
   * A side came to its end: the first that has not been begun yet follows.
   * @param {string} side
   */
  #ended(side) {
    this.#release();
    const clip = this.#clips[side];
    if (clip) clip.position = clip.buffer.duration;
    const next = Object.keys(this.#clips).find((each) => this.#clips[each]?.begun === false);
    if (this.followsOn && next) this.play(next);
    else this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
