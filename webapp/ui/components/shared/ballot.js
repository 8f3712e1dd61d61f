// @ts-check
// A vote on its way: written down before it is sent, sent until it is acknowledged, also after a reload.
// The server takes the same vote twice without counting it twice, so repeating is safe.

import { backOffS, pause, store } from "./api.js";

export class BallotBox {
  /**
   * @param {Pick<import("./types.js").Game, "kept" | "send">} game where a vote is kept and how it is sent
   * @param {(error: any) => void} onWaiting called after each attempt that got no answer
   */
  constructor(game, onWaiting) {
    this.game = game;
    this.onWaiting = onWaiting;
  }

  /** The vote that has not been acknowledged yet: as the game's `ballot` made it, or null. */
  get pending() {
    try {
      return JSON.parse(store.get(this.game.kept) ?? "null");
    } catch {
      return null;
    }
  }

  /**
   * Keep a vote. From here on it survives a reload.
   * @param {any} ballot
   */
  put(ballot) {
    store.set(this.game.kept, JSON.stringify(ballot));
  }

  /**
   * Send what is kept until the server has answered. Throws ApiError where the server refuses it.
   * @returns {Promise<import("./types.js").Reply>}
   */
  async send() {
    const ballot = this.pending;
    for (let attempt = 0; ; attempt += 1) {
      try {
        const reply = await this.game.send(ballot);
        store.remove(this.game.kept);
        return reply;
      } catch (/** @type {any} */ error) {
        if (!error.passing) {
          store.remove(this.game.kept);
          throw error;
        }
        this.onWaiting(error);
        await pause(backOffS(attempt, error));
      }
    }
  }
}
