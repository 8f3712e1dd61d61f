// @ts-check
// Pieces made playable: their sound fetched and decoded once, by a server that may be busy.

import { audio, backOffS, pause } from "../shared/api.js";
import { decode } from "../shared/player.js";

const PATIENCE = 4; // times that a busy server is asked again

/** @typedef {{buffer: AudioBuffer | null, notes: any[], seconds: number, bars: number[], clipId: string}} Sound */

export class Sounds {
  /** @type {Map<string, Sound>} */
  #known = new Map(); // by the name of the piece

  /**
   * What the desk plays of a piece.
   * @param {{name: string, audio_url: string, notes: any[], seconds: number, bars_s: number[]}} piece
   * @returns {Promise<Sound>}
   */
  async of({ name, audio_url: address, notes, seconds, bars_s: bars }) {
    const known = this.#known.get(name);
    if (known) return known;
    const sound = { buffer: await decode(await patiently(() => audio(address))), notes, seconds, bars, clipId: name };
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
