// @ts-check
// The server as the pages see it: who listens, and everything that can be asked for.

import { question } from "./question.js";
import { ApiError, OF_A_LISTENER, TOKEN, TOKEN_BEFORE, json, request, store } from "./request.js";

export { ApiError, resolve, store } from "./request.js";

const COMPOSING_MS = 60000;

/**
 * What stands in the address behind the #, taken out of the address bar at once.
 * @param {string} name
 */
function takenFromAddress(name) {
  const here = new URL(window.location.href);
  const found = new URLSearchParams(here.hash.slice(1)).get(name);
  if (!found) return null;
  here.hash = "";
  window.history.replaceState(window.history.state, "", here);
  return found;
}

/** What the tab alone keeps: the moods that were chosen for whole pieces and for what is composed on the taste page. */
function forgetMoment() {
  try {
    for (const key of ["kallos.mood", "kallos.mood.wished", "kallos.form"]) sessionStorage.removeItem(key);
  } catch {
    // a frame that keeps nothing
  }
}

/**
 * Become the listener of this token; the one before stays aside, should it be wanted back.
 * @param {string} given
 */
function become(given) {
  const before = store.get(TOKEN);
  if (before === given) return;
  for (const key of OF_A_LISTENER) store.remove(key);
  forgetMoment();
  if (before) store.set(TOKEN_BEFORE, before);
  store.set(TOKEN, given);
}

/** The listener behind this browser, made where there is none; keeps the token that the server gives. */
export async function hello() {
  const travelled = takenFromAddress("token");
  // only a frame that keeps nothing brings its token along: else any link could put somebody in another's place
  if (travelled && !store.lasting) become(travelled);
  const link = takenFromAddress("link");
  const listener = (link && (await cameByLink(link))) || (await whoListens());
  if (listener.listener_token) become(listener.listener_token);
  return listener;
}

/** @returns {Promise<import("./types.js").Listener>} */
async function whoListens() {
  try {
    return await json("GET", "/api/listener");
  } catch (/** @type {any} */ error) {
    if (error.code !== "invalid_token") throw error;
    await question("You are not signed in here", `${error.message}.`, "Start afresh");
    return json("POST", "/api/listener", {});
  }
}

/**
 * The listener of a link, if the person wants to become them.
 * @param {string} link
 * @returns {Promise<import("./types.js").Listener | null>}
 */
async function cameByLink(link) {
  try {
    const { picks } = await json("POST", "/api/listener/link/look", { token: link });
    const whose = picks === 1 ? "1 pick comes" : `${picks} picks come`;
    const text = `${whose} along from your other device, and this one goes on from there. What was picked here before stays apart. If somebody else sent you this link, you would be picking in their name.`;
    if (!(await question("Continue here?", text, "Continue here", "Stay as I am"))) return null;
    return await json("POST", "/api/listener/link/use", { token: link });
  } catch (/** @type {any} */ error) {
    if (error.passing !== false) throw error;
    await question("This link works no more", `${error.message}.`, "Go on without it");
    return null;
  }
}

/** @type {Promise<import("./types.js").Listener> | null} */
let greeting = null;

/** @typedef {(error: any, attempt: number) => void} OnTrouble */

/**
 * `hello`, once for all components of a page (two at a time would make two listeners), repeated until it is answered;
 * `onTrouble` is called after each attempt that got no answer. Throws what repeating cannot mend.
 * @param {OnTrouble} onTrouble
 * @returns {Promise<import("./types.js").Listener>}
 */
export function greeted(onTrouble = () => {}) {
  if (greeting) return greeting;
  const asked = insist(hello, onTrouble);
  greeting = asked;
  asked.catch(() => {
    greeting = null;
  });
  return asked;
}

/**
 * Greet anew: the server no longer knew the token.
 * @param {OnTrouble} onTrouble
 */
export function greetAgain(onTrouble = () => {}) {
  greeting = null;
  return greeted(onTrouble);
}

/** The listener's token, once greeted. */
export const token = () => store.get(TOKEN);

/**
 * Become another listener, whose token a handler gave; what this browser kept of the one before goes.
 * @param {string} given
 */
export async function adopt(given) {
  become(given);
  await greetAgain();
}

/** The token for an address within a frame that keeps nothing: it travels behind the #, which no server sees. */
export const travellingToken = () => (store.lasting ? null : store.get(TOKEN));

export const offers = () => json("GET", "/api/offers");
export const vote = (/** @type {string} */ offerId, /** @type {any} */ ballot) => json("POST", `/api/offers/${encodeURIComponent(offerId)}/vote`, ballot);
export const fours = () => json("GET", "/api/fours");
export const pick = (/** @type {string} */ fourId, /** @type {any} */ ballot) => json("POST", `/api/fours/${encodeURIComponent(fourId)}/pick`, ballot);
/** `{picks, open}`: how many answers there are to what fits better, and the questions that wait. */
export const fits = () => json("GET", "/api/fits");
export const answerFit = (/** @type {string} */ fitId, /** @type {any} */ ballot) => json("POST", `/api/fits/${encodeURIComponent(fitId)}/answer`, ballot);
/** `{kept}`: whether every pick outlives the server's disk; null where none is kept elsewhere. */
export const kept = () => json("GET", "/api/listener/kept");
export const link = () => json("POST", "/api/listener/link", {});
export const getJson = (/** @type {string} */ address) => json("GET", address);
export const notes = (/** @type {string} */ address) => json("GET", address);

/** Take the last vote back: `{what, id, domain, picks}` of what is open again. */
export const undo = () => json("POST", "/api/listener/undo", {});

/** Everything that is stored about this listener, as a zip file. */
export async function download() {
  const response = await request("GET", "/api/listener/export?form=zip", { timeoutMs: 120000 });
  return response.blob();
}

export const studio = {
  compose: (/** @type {any} */ recipe, /** @type {AbortSignal} */ givenUp) => json("POST", "/api/studio/pieces", recipe, COMPOSING_MS, givenUp),
};

/** Tell what became of a piece that was played. */
export const played = (/** @type {string} */ address, /** @type {string} */ outcome, /** @type {number} */ heardMs) => json("POST", address, { outcome, heard_ms: heardMs });

/** Keep what is at this address in the listener's studio: `{name}` of the piece. */
export const keep = (/** @type {string} */ address) => json("POST", address, {}, COMPOSING_MS);

/**
 * A picture as an element that is ready to be shown; whose it is, the server asks as it does of sound.
 * @param {string} address
 */
export async function picture(address) {
  const bytes = await audio(address);
  const drawing = new Uint8Array(bytes)[0] === "<".charCodeAt(0); // an older picture is a PNG
  const url = URL.createObjectURL(new Blob([bytes], { type: drawing ? "image/svg+xml" : "image/png" }));
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } finally {
    URL.revokeObjectURL(url);
  }
  return image;
}

/** The encoded bytes of a clip. */
export async function audio(/** @type {string} */ address) {
  const response = await request("GET", address, { timeoutMs: COMPOSING_MS });
  try {
    return await response.arrayBuffer();
  } catch {
    throw new ApiError(0, "The connection broke off.");
  }
}

/** Remove the listener and every trace in this browser. */
export async function forget() {
  await json("DELETE", "/api/listener");
  for (const key of [...OF_A_LISTENER, TOKEN_BEFORE]) store.remove(key);
  forgetMoment();
}

/**
 * Repeat a request until it is answered; throws only what repeating cannot mend.
 * @template Answer
 * @param {() => Promise<Answer>} ask
 * @param {OnTrouble} onTrouble
 */
export async function insist(ask, onTrouble = () => {}) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await ask();
    } catch (/** @type {any} */ error) {
      if (error.passing === false) throw error;
      onTrouble(error, attempt);
      await pause(backOffS(attempt, error));
    }
  }
}

/** Seconds to wait before attempt n (0, 1, …): doubling, at most 15, or what the server asked for. */
export const backOffS = (/** @type {number} */ attempt, /** @type {any} */ error) =>
  Math.max(error?.retryAfterS ?? 0, Math.min(15, 0.5 * 2 ** attempt));

/** Sleep; wakes early when the browser says that the connection is back. */
export function pause(/** @type {number} */ seconds) {
  return new Promise((done) => {
    const wake = () => {
      window.clearTimeout(timer);
      window.removeEventListener("online", wake);
      done(null);
    };
    const timer = window.setTimeout(wake, seconds * 1000);
    window.addEventListener("online", wake);
  });
}
