// An offer made playable: its clips fetched, decoded and their notes read, before anybody needs them.

import { audio, backOffS, notes, pause } from "./api.js";
import { decode } from "./player.js";

async function fetchClip(clip) {
  const [bytes, roll] = await Promise.all([audio(clip.audio_url), notes(clip.notes_url)]);
  return { buffer: await decode(bytes), notes: roll.notes, seconds: clip.seconds, clipId: clip.clip_id };
}

async function load(offerId, clips, onTrouble) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const loaded = Object.entries(clips).map(async ([side, clip]) => [side, await fetchClip(clip)]);
      return { offerId, ...Object.fromEntries(await Promise.all(loaded)) };
    } catch (error) {
      // a clip that cannot be decoded is asked for again as well: it may have been cut off on its way
      if (error.passing === false) throw error;
      onTrouble(error);
      await pause(backOffS(attempt, error));
    }
  }
}

/** The pairs (or fours) on the table, each loaded once: the one on the page and the one ahead. */
export class Table {
  #pairs = new Map(); // id → {promise, pair once it is loaded}

  /** `game`: how to read an offer, see games.js. */
  constructor(game, onTrouble) {
    this.game = game;
    this.onTrouble = onTrouble;
  }

  /** Take in the open offers; what is no longer open is let go. */
  lay(offers) {
    const open = new Set(offers.map((offer) => this.game.id(offer)));
    for (const id of this.#pairs.keys()) if (!open.has(id)) this.#pairs.delete(id);
    for (const offer of offers) {
      const id = this.game.id(offer);
      if (this.#pairs.has(id)) continue;
      const entry = { pair: null };
      entry.promise = load(id, this.game.clips(offer), this.onTrouble).then((pair) => {
        entry.pair = pair;
        return pair;
      });
      entry.promise.catch(() => this.#pairs.delete(id));
      this.#pairs.set(id, entry);
    }
  }

  /** The loaded pair that is not `offerId`, without waiting; null where none is ready. */
  readyBeside(offerId) {
    for (const [id, entry] of this.#pairs) if (id !== offerId && entry.pair) return entry.pair;
    return null;
  }

  has(offerId) {
    return this.#pairs.has(offerId);
  }

  /** Wait for a pair to be playable. */
  async get(offerId) {
    return this.#pairs.get(offerId).promise;
  }
}
