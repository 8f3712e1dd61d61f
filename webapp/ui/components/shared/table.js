// @ts-check
// An offer made playable: its clips (or pictures) fetched, decoded and their notes read, before anybody needs them.

/** @typedef {import("./types.js").Clip} Clip */
/** @typedef {import("./types.js").Laid} Laid */
/** @typedef {import("./types.js").LoadedClip} LoadedClip */

import { audio, backOffS, notes, pause, picture } from "./api.js";
import { decode } from "./player.js";

/**
 * One clip, ready to be played and drawn; or one picture, ready to be shown.
 * @param {Clip} clip
 * @returns {Promise<LoadedClip>}
 */
export async function loadClip(clip) {
  if (clip.image_url) return { buffer: null, image: await picture(clip.image_url), notes: [], seconds: clip.seconds, clipId: clip.clip_id };
  const [bytes, roll] = await Promise.all([audio(clip.audio_url ?? clip.audio?.url ?? ""), clip.notes ? clip : notes(clip.notes_url ?? "")]);
  return { buffer: await decode(bytes), notes: roll.notes ?? [], seconds: clip.seconds, clipId: clip.clip_id };
}

/**
 * @param {import("./types.js").Game} game
 * @param {any} offer
 * @param {(error: any) => void} onTrouble
 * @returns {Promise<Laid>}
 */
async function load(game, offer, onTrouble) {
  const clips = game.clips(offer);
  for (let attempt = 0; ; attempt += 1) {
    try {
      const sides = Object.keys(clips);
      const loaded = await Promise.all(sides.map((side) => loadClip(clips[side])));
      return { offerId: game.id(offer), offer, clips: Object.fromEntries(sides.map((side, index) => [side, loaded[index]])) };
    } catch (/** @type {any} */ error) {
      // a clip that cannot be decoded is asked for again as well: it may have been cut off on its way
      if (error.passing === false) throw error;
      onTrouble(error);
      await pause(backOffS(attempt, error));
    }
  }
}

/** The pairs (or fours) on the table, each loaded once: the one on the page and the one ahead. */
export class Table {
  /** @type {Map<string, {promise: Promise<Laid>, pair: Laid | null}>} */
  #pairs = new Map(); // by id; the pair once it is loaded

  /**
   * @param {import("./types.js").Game} game how to read an offer
   * @param {(error: any) => void} onTrouble
   */
  constructor(game, onTrouble) {
    this.game = game;
    this.onTrouble = onTrouble;
  }

  /**
   * Take in the open offers; what is no longer open is let go.
   * @param {any[]} offers
   */
  lay(offers) {
    const open = new Set(offers.map((offer) => this.game.id(offer)));
    for (const id of this.#pairs.keys()) if (!open.has(id)) this.#pairs.delete(id);
    for (const offer of offers) {
      const id = this.game.id(offer);
      if (this.#pairs.has(id)) continue;
      const promise = load(this.game, offer, this.onTrouble);
      /** @type {{promise: Promise<Laid>, pair: Laid | null}} */
      const entry = { promise, pair: null };
      this.#pairs.set(id, entry);
      promise.then(
        (pair) => {
          entry.pair = pair;
        },
        () => this.#pairs.delete(id),
      );
    }
  }

  /**
   * The loaded pair that is not `offerId`, without waiting; null where none is ready.
   * @param {string} offerId
   */
  readyBeside(offerId) {
    for (const [id, entry] of this.#pairs) if (id !== offerId && entry.pair) return entry.pair;
    return null;
  }

  /**
   * Wait for a pair to be playable.
   * @param {string} offerId
   */
  async get(offerId) {
    const entry = this.#pairs.get(offerId);
    if (!entry) throw new Error(`${offerId} is not on the table`);
    return entry.promise;
  }
}
