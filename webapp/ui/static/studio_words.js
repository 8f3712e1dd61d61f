// What the studio says where something can't be done, is lacking, or was read in one way of several.

import { capital } from "./words.js";

export const MUSIC = { pop: "pop piano", dance: "a dance tune", chorale: "a chorale" };

export const sorry = (error) =>
  error.status === 0 ? "No connection to Kallos; nothing is lost." : error.message || "That did not work; nothing is lost.";

/** Why an address opens nothing, in one line. */
export const dead = (error) =>
  error.passing === false
    ? "This address opens no piece: it is not whole, or the piece was deleted or is somebody else's. Nothing of yours is lost; " +
      "start from another piece."
    : `${capital(sorry(error))} Reload the page to try the address again.`;

/** What of a recipe is no longer there, and what can be done; `old`: what the piece was made from, if it is there. */
export function lacking(piece, old) {
  if (!old) return "What this was made from is no longer here, so nothing old stands beside it; go on from it as it is. ";
  if (!piece.mine || piece.editable) return "";
  return "A piece that this borrows from is no longer here: give that style back or borrow it from another to change this. ";
}

/** What a file was recognised as by its content, as what kind of music it was read, and how much of it is here. */
export function readFrom({ read_as: form, domain, bars_s: edges }) {
  if (!form) return "";
  const bars = edges.length - 1;
  const here = bars < 8 ? `It has only ${bars === 1 ? "one whole bar" : `${bars} whole bars`} of eight` : "These are its first eight whole bars";
  return `Read from ${form} as ${MUSIC[domain]}, whose tab was open. ${here}. `;
}

/** Why a new piece can't be linked to or offered as a blind pair against `old`; empty where it can. */
export function notOffered(piece, old, { fixed, offered }) {
  if (!piece) return "There is nothing new to link to, to save or to offer as a pair yet: turn, borrow or lock something first.";
  if (!piece.mine || fixed) return "This is somebody else's: go on from the new one to link to it or to offer it.";
  if (!old.name.startsWith("clips/")) {
    return "It can't be offered as a pair: pairs are made of our own clips, and this began with a file, a tune or a piece of a studio.";
  }
  return offered ? "This one waits among your next pairs already." : "";
}
