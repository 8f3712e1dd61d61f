// @ts-check
// A listening study as a participant's page sees it: what can be asked of the server, and who is taking part.

import { audio as bytesOf, insist, notes } from "./api.js";
import { json, request, store } from "./request.js";

export { bytesOf, insist, notes };

const BYTES = 24; // of a token

/** @param {string} key */
const placeOf = (key) => `kallos.study.${key.slice(0, 12)}`;

/** A token that nobody can guess. */
export function newToken() {
  const random = window.crypto.getRandomValues(new Uint8Array(BYTES));
  return btoa(String.fromCharCode(...random)).replaceAll("+", "-").replaceAll("/", "_");
}

/** Who this browser is in the study of a key. */
export const kept = {
  get: (/** @type {string} */ key) => store.get(placeOf(key)),
  set: (/** @type {string} */ key, /** @type {string} */ token) => store.set(placeOf(key), token),
  forget: (/** @type {string} */ key) => store.remove(placeOf(key)),
};

const post = (/** @type {string} */ path, /** @type {any} */ body) => json("POST", `/api/study/${path}`, body);

export const look = (/** @type {string} */ key) => post("look", { key });
export const join = (/** @type {any} */ said) => post("join", said);
export const step = (/** @type {string} */ participant) => post("step", { participant });
/** `{kept}`: whether every answer outlives the server's disk; null where none is kept elsewhere. */
export const answersKept = (/** @type {string} */ participant) => post("kept", { participant });
export const answerCheck = (/** @type {string} */ participant, /** @type {number} */ number, /** @type {number} */ tone) =>
  post("headphones", { participant, number, tone });
export const answerQuestions = (/** @type {string} */ participant, /** @type {string} */ part, /** @type {any} */ answers) =>
  post("questions", { participant, part, answers });
export const answerTrial = (/** @type {string} */ participant, /** @type {string} */ trial, /** @type {any} */ answer) =>
  post(`trials/${encodeURIComponent(trial)}`, { participant, ...answer });
export const rest = (/** @type {string} */ participant) => post("rest", { participant });
export const withdraw = (/** @type {string} */ participant) => post("withdraw", { participant });

/** The tones of the next headphone check, as an address that an audio element plays. */
export async function checkSound(/** @type {string} */ participant) {
  const response = await request("POST", "/api/study/headphones/sound", { body: { participant } });
  return URL.createObjectURL(await response.blob());
}
