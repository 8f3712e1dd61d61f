// A vote on its way: written down before it is sent, sent until it is acknowledged, also after a reload.
// The server takes the same vote twice without counting it twice, so repeating is safe.

import { backOffS, pause, store, vote } from "./api.js";

const KEY = "kallos.vote";

export class BallotBox {
  /** `onWaiting(error)` is told after each attempt that got no answer. */
  constructor(onWaiting) {
    this.onWaiting = onWaiting;
  }

  /** The vote that has not been acknowledged yet: {offer_id, outcome, heard_ms}, or null. */
  get pending() {
    try {
      return JSON.parse(store.get(KEY));
    } catch {
      return null;
    }
  }

  /** Keep a vote. From here on it survives a reload. */
  put(ballot) {
    store.set(KEY, JSON.stringify(ballot));
  }

  /** Send what is kept until the server has answered. Throws ApiError where the server refuses it. */
  async send() {
    const { offer_id: offerId, outcome, heard_ms: heardMs } = this.pending;
    for (let attempt = 0; ; attempt += 1) {
      try {
        const reply = await vote(offerId, { outcome, heard_ms: heardMs });
        store.remove(KEY);
        return reply;
      } catch (error) {
        if (!error.passing) {
          store.remove(KEY);
          throw error;
        }
        this.onWaiting(error);
        await pause(backOffS(attempt, error));
      }
    }
  }
}
