// What is played: a pair, of which one is more beautiful, or four, of which one is the most beautiful.

import * as api from "./api.js";

const upper = (sides) => sides.map((side) => side.toUpperCase());

/** The clips' names in a sentence: "C", "C and D", "B, C and D". */
export const inWords = (sides) => {
  const names = upper(sides);
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
};

/**
 * `called`: what is on the page; `outcomes`: by key; `kept`: where a vote on its way is written down; `id`, `clips`: of
 * what `open` gives; `ballot`: what is kept and then sent; `winner`: the side that an outcome names, if any; `noted`:
 * what is said of an outcome that adds no pick to the count.
 */
export const PAIR = {
  called: "pair",
  outcomes: { 1: "left", 2: "right", 0: "equal", n: "neither", s: "skipped" },
  kept: "kallos.vote",
  open: api.offers,
  id: (offer) => offer.offer_id,
  clips: (offer) => ({ a: offer.left, b: offer.right }),
  ballot: (id, outcome, heard) => ({ offer_id: id, outcome, heard_ms: { left: heard.a, right: heard.b } }),
  send: ({ offer_id: id, ...ballot }) => api.vote(id, ballot),
  winner: (outcome) => ({ left: "a", right: "b" })[outcome],
  noted: { neither: "Noted: neither. It counts as no pick, but tells what is not good enough for you." },
  begin: "Press play: you hear A, then B.",
  listen: "Listen to both for a few seconds.",
};

const PLACES = ["a", "b", "c", "d"];

export const FOUR = {
  called: "four",
  outcomes: { 1: "a", 2: "b", 3: "c", 4: "d", n: "none", s: "skipped" },
  kept: "kallos.pick",
  open: api.fours,
  id: (four) => four.four_id,
  clips: (four) => Object.fromEntries(PLACES.map((place, index) => [place, four.clips[index]])),
  ballot: (id, outcome, heard) => ({ four_id: id, outcome, heard_ms: PLACES.map((place) => heard[place]) }),
  send: ({ four_id: id, ...ballot }) => api.pick(id, ballot),
  winner: (outcome) => PLACES.find((place) => place === outcome),
  noted: { none: "Noted: none of them. It counts as no pick, but tells what is not good enough for you." },
  begin: "Press play: you hear all four, one after the other.",
  listen: "Listen to all four for a few seconds.",
};
