// @ts-check
// Pieces made playable, or pictures to be seen: fetched and decoded once, from a server that may be busy.

import { audio, backOffS, pause, picture } from "../shared/api.js";
import { decode } from "../shared/player.js";

const PATIENCE = 4; // times that a busy server is asked again

/** @typedef {{buffer: AudioBuffer | null, image?: HTMLImageElement, notes: any[], seconds: number, bars: number[], clipId: string}} Sound */

export class Sounds {
  /** @type {Map<string, Sound>} */
  #known = new Map(); // by the name of the piece

  /**
   * What the desk plays of a piece, or shows of a picture.
   * @param {{name: string, audio_url: string, image_url: string, notes: any[], seconds: number, bars_s: number[]}} piece
   * @returns {Promise<Sound>}
   */
  async of({ name, audio_url: address, image_url: seen, notes, seconds, bars_s: bars }) {
    const known = this.#known.get(name);
    if (known) return known;
    /** @type {Pick<Sound, "buffer" | "image">} */
    const there = seen
      ? { buffer: null, image: await patiently(() => picture(seen)) }
      : { buffer: await decode(await patiently(() => audio(address))) };
    const sound = { ...there, notes, seconds, bars, clipId: name };
    this.#known.set(name, sound);
    return sound;
  }
}

/**
 * Ask a busy server again, a few times.
 * @template Answer
 * @param {() => Promise<Answer>} ask
 */
async function patiently(ask) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await ask();
    } catch (/** @type {any} */ error) {
      if (!error.passing || attempt >= PATIENCE) throw error;
      await pause(backOffS(attempt, error));
    }
  }
}
