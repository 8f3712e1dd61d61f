// @ts-check
// What picking says while clips are awaited, heard or seen, and answered.

import { inWords } from "./games.js";

/** @typedef {import("./types.js").Game} Game */
/** @typedef {import("./stage.js").Stage} Stage */

const LONG = 30; // rounds of asking after which it takes longer than it should

export const counted = (/** @type {number} */ picks) => (picks === 1 ? "1 pick" : `${picks} picks`);

/**
 * Why there is nothing to play or to see yet.
 * @param {any} error
 * @param {number} round
 * @param {{picks: number, ofPictures: boolean}} now
 */
export function waitInWords(error, round, { picks, ofPictures }) {
  if (error?.status === 0) return "No connection to Kallos. Trying again…";
  if (error && error.status !== 503) return error.message || "Something went wrong on our side. Trying again…";
  const [making, made] = ofPictures ? ["Drawing", "pictures"] : ["Composing", "pieces"];
  if (picks) return `${making} more ${made}…`;
  return round < LONG ? `${making} the first ${made}…` : `Still ${making.toLowerCase()}. This takes longer than it should…`;
}

/**
 * Why an answer did not count.
 * @param {{status: number, message: string}} error
 * @param {Game} game
 */
export function refusalInWords({ status, message }, { called }) {
  if (status === 409) return `You had already answered that ${called}, perhaps in another tab. That answer stays.`;
  if (status === 404) return `That ${called} is no longer yours to answer. Here is another one.`;
  if (status === 401) return "This browser was no longer known here. You start afresh.";
  return message || `That pick could not be stored. Here is the next ${called}.`;
}

/**
 * The one line that says what is missing for an answer.
 * @param {Game} game
 * @param {Stage} stage
 * @param {string[]} missing sides that have not been heard or seen long enough
 * @param {boolean} lost whether the last answer waits for a connection
 */
export function hintInWords(game, stage, missing, lost) {
  if (!stage.pair) return `Getting the next ${game.called} ready…`;
  if (stage.ofPictures && missing.length) return game.look;
  if (!stage.started && missing.length) return game.begin;
  if (missing.length === stage.sides.length) return game.listen;
  if (missing.length) return `Listen to ${inWords(missing)} a little more.`;
  return lost ? "Waiting for the connection." : "Your pick?";
}
