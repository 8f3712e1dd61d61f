// @ts-check
// Colours for labels, in light and in dark; told apart without red against green.

const LIGHT = ["#a3243b", "#1f6f9c", "#c28a00", "#5b4b9a", "#2f8a7d", "#d0693a", "#6d7f2a", "#8b5a7a"];
const DARK = ["#f0798b", "#62b6e2", "#e6b84a", "#a99cf0", "#63c9b8", "#f09a6c", "#b5c667", "#d59fc0"];
const OWN = { light: ["#15191a", "#c0187f", "#6b3f1d"], dark: ["#f4f4f0", "#ff8ad0", "#d9b38c"] }; // of points placed later
const NEUTRAL = { light: "#a9afac", dark: "#565e5b" };
const LIKING = {
  light: ["#1f5f8c", "#5e93b4", "#a9bcc6", "#c9c4c0", "#dba3a8", "#c2566a", "#a3243b"],
  dark: ["#7cc4ee", "#5a92b3", "#48616e", "#565252", "#82535b", "#c2697a", "#f0798b"],
};

const theme = () => (document.body.classList.contains("dark") ? "dark" : "light");

/**
 * @typedef {{labels: string[], codes: number[]}} Coded
 * @typedef {{labels: string[], own: number, codes: number[], rarer: number, unknown: boolean}} Legend
 */

/**
 * Which label has which colour: the commonest of those `known`, then the `own` ones of points placed later, by whose
 * coming no other colour changes. A code of -1 is one of the `rarer` labels, or of none.
 * @param {Coded} known
 * @param {string[]} theirs the labels of points placed later; "" for none
 * @returns {Legend}
 */
export function legendOf(known, theirs) {
  const shown = known.labels.slice(0, LIGHT.length);
  const own = [...new Set(theirs)].filter((label) => label && !known.labels.includes(label)).slice(0, OWN.light.length);
  const labels = [...shown, ...own];
  const codes = [...known.codes.map((code) => (code < shown.length ? code : -1)), ...theirs.map((label) => labels.indexOf(label))];
  return { labels, own: own.length, codes, rarer: known.labels.length - shown.length, unknown: known.codes.includes(-1) || theirs.includes("") };
}

/**
 * The colours of a legend, last that of rarer and unknown labels.
 * @param {Legend} legend
 * @param {"light" | "dark"} on
 */
export function ofLabels({ labels, own }, on = theme()) {
  const all = on === "dark" ? DARK : LIGHT;
  return [...all.slice(0, labels.length - own), ...OWN[on].slice(0, own), NEUTRAL[on]];
}

/** From least to most liked, and what has no value. */
export const ofLiking = (/** @type {"light" | "dark"} */ on = theme()) => [...LIKING[on], NEUTRAL[on]];

export const LIKING_STEPS = LIKING.light.length;
