// @ts-check
// What is played: a pair, of which one is more beautiful, or four, of which one is the most beautiful; offered by the
// server, or given by Python.

import * as api from "./api.js";

/** @typedef {import("./types.js").Game} Game */

/**
 * The clips' names in a sentence: "C", "C and D", "B, C and D".
 * @param {string[]} sides
 */
export const inWords = (sides) => {
  const names = sides.map((side) => side.toUpperCase());
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
};

/**
 * `called`: what is on the page; `outcomes`: by key; `kept`: where a vote on its way is written down; `ahead`: whether a
 * second offer comes before the first is answered; `id`, `clips`: of
 * what `open` gives; `ballot`: what is kept and then sent; `winner`: the side that an outcome names, if any; `noted`:
 * what is said of an outcome that adds no pick to the count.
 * @type {Game}
 */
export const PAIR = {
  called: "pair",
  outcomes: { 1: "left", 2: "right", 0: "equal", n: "neither", s: "skipped" },
  kept: "kallos.vote",
  ahead: true,
  greet: api.greeted,
  greetAgain: api.greetAgain,
  open: api.offers,
  id: (offer) => offer.offer_id,
  clips: (offer) => ({ a: offer.left, b: offer.right }),
  ballot: (id, outcome, heard) => ({ offer_id: id, outcome, heard_ms: { left: heard.a, right: heard.b } }),
  send: ({ offer_id: id, ...ballot }) => api.vote(id, ballot),
  winner: (outcome) => ({ left: "a", right: "b" })[outcome],
  noted: { neither: "Noted: neither. It counts as no pick, but tells what is not good enough for you." },
  begin: "Press play: you hear A, then B.",
  listen: "Listen to both for a few seconds.",
  look: "Look at both for a second.",
};

const PLACES = ["a", "b", "c", "d"];

/** @type {Game} */
export const FOUR = {
  called: "four",
  outcomes: { 1: "a", 2: "b", 3: "c", 4: "d", n: "none", s: "skipped" },
  kept: "kallos.pick",
  ahead: true,
  greet: api.greeted,
  greetAgain: api.greetAgain,
  open: api.fours,
  id: (four) => four.four_id,
  clips: (four) => Object.fromEntries(PLACES.map((place, index) => [place, four.clips[index]])),
  ballot: (id, outcome, heard) => ({ four_id: id, outcome, heard_ms: PLACES.map((place) => heard[place]) }),
  send: ({ four_id: id, ...ballot }) => api.pick(id, ballot),
  winner: (outcome) => PLACES.find((place) => place === outcome),
  noted: { none: "Noted: none of them. It counts as no pick, but tells what is not good enough for you." },
  begin: "Press play: you hear all four, one after the other.",
  listen: "Listen to all four for a few seconds.",
  look: "Look at all four for a second.",
};

/** Put the pictures of a question beside its music, and let its kind lay them out. */
const hang = (/** @type {HTMLElement} */ root, /** @type {any} */ fit) => {
  root.dataset.kind = fit.kind;
  const places = fit.kind === "pictures" ? ["left", "right"] : ["shared"];
  places.forEach((place, index) => {
    const image = /** @type {HTMLImageElement} */ (root.querySelector(`[data-picture=${place}]`));
    image.src = api.resolve(fit.pictures[index].url);
  });
};

/** @type {Game} */
export const FIT = {
  called: "question",
  outcomes: { 1: "left", 2: "right", 0: "equal", s: "skipped" },
  kept: "kallos.fit",
  ahead: true,
  greet: async (onTrouble) => {
    await api.greeted(onTrouble);
    return api.insist(api.fits, onTrouble);
  },
  greetAgain: async (onTrouble) => {
    await api.greetAgain(onTrouble);
    return api.insist(api.fits, onTrouble);
  },
  open: async () => (await api.fits()).open,
  id: (fit) => fit.fit_id,
  clips: (fit) => Object.fromEntries(fit.clips.map((/** @type {any} */ clip, /** @type {number} */ index) => [PLACES[index], clip])),
  ballot: (id, outcome, heard) => ({ fit_id: id, outcome, heard_ms: Object.keys(heard).map((side) => heard[side]) }),
  send: ({ fit_id: id, ...ballot }) => api.answerFit(id, ballot),
  winner: () => undefined,
  hang,
  noted: {},
  begin: "Press play and look.",
  listen: "Listen for a few seconds.",
  look: "Look for a second.",
};

const NO_PICK = new Set(["neither", "none", "skipped"]);

/**
 * The same game with clips that Python gives as the component's value (`{offer_id, clips}`), one offer at a time: a vote
 * goes nowhere but into the component's event, and what follows is the next value.
 * @param {Game} game
 * @param {import("./types.js").GradioComponent} component
 * @returns {Game}
 */
export function given(game, { props, watch }) {
  let picks = 0;
  let answered = "";
  /** @type {() => void} */
  let wake = () => {};
  watch("value", () => wake());
  const current = () => (props.value?.offer_id && props.value.offer_id !== answered ? [props.value] : []);
  const greet = async () => ({ picks });
  return {
    ...game,
    kept: "kallos.given",
    ahead: false,
    greet,
    greetAgain: greet,
    open: async () => {
      while (!current().length) {
        await new Promise((done) => {
          wake = () => done(null);
        });
      }
      return current();
    },
    id: (offer) => offer.offer_id,
    clips: (offer) => offer.clips,
    send: async ({ offer_id: pair, four_id: four, outcome }) => {
      answered = pair ?? four;
      picks += NO_PICK.has(outcome) ? 0 : 1;
      return { outcome, picks, open: [] };
    },
  };
}
