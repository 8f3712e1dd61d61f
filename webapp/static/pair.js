// An offer made playable: both clips fetched, decoded and their notes read, before anybody needs them.

import { audio, backOffS, notes, pause } from "./api.js";
import { decode } from "./player.js";

async function fetchClip(clip) {
  const [bytes, roll] = await Promise.all([audio(clip.audio_url), notes(clip.notes_url)]);
  return { buffer: await decode(bytes), notes: roll.notes, seconds: clip.seconds };
}

async function load(offer, onTrouble) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const [a, b] = await Promise.all([fetchClip(offer.left), fetchClip(offer.right)]);
      return { offerId: offer.offer_id, a, b };
    } catch (error) {
      // a clip that cannot be decoded is asked for again as well: it may have been cut off on its way
      if (error.passing === false) throw error;
      onTrouble(error);
      await pause(backOffS(attempt, error));
    }
  }
}

/** The pairs on the table, each loaded once: the one on the page and the one ahead. */
export class Table {
  #pairs = new Map(); // offer_id → {promise, pair once it is loaded}

  constructor(onTrouble) {
    this.onTrouble = onTrouble;
  }

  /** Take in the open offers; what is no longer open is let go. */
  lay(offers) {
    const open = new Set(offers.map((offer) => offer.offer_id));
    for (const id of this.#pairs.keys()) if (!open.has(id)) this.#pairs.delete(id);
    for (const offer of offers) {
      if (this.#pairs.has(offer.offer_id)) continue;
      const entry = { pair: null };
      entry.promise = load(offer, this.onTrouble).then((pair) => {
        entry.pair = pair;
        return pair;
      });
      entry.promise.catch(() => this.#pairs.delete(offer.offer_id));
      this.#pairs.set(offer.offer_id, entry);
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
