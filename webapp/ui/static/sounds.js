// Pieces made playable: their sound fetched and decoded once, by a server that may be busy.

import * as api from "./api.js";
import { decode } from "./player.js";

const PATIENCE = 4; // times that a busy server is asked again

export class Sounds {
  #known = new Map(); // name of a piece → what the bench plays

  /** What the bench plays of `piece`. */
  async of({ name, audio_url: address, notes, seconds, bars_s: bars }) {
    if (!this.#known.has(name)) {
      const buffer = await decode(await patiently(() => api.audio(address)));
      this.#known.set(name, { buffer, notes, seconds, bars });
    }
    return this.#known.get(name);
  }
}

/** Ask a busy server again, a few times. */
export async function patiently(ask) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!error.passing || attempt >= PATIENCE) throw error;
      await api.pause(api.backOffS(attempt, error));
    }
  }
}
