// @ts-check
// Colours for labels, in light and in dark; told apart without red against green.

const LIGHT = ["#a3243b", "#1f6f9c", "#c28a00", "#5b4b9a", "#2f8a7d", "#d0693a", "#6d7f2a", "#8b5a7a"];
const DARK = ["#f0798b", "#62b6e2", "#e6b84a", "#a99cf0", "#63c9b8", "#f09a6c", "#b5c667", "#d59fc0"];
const NEUTRAL = { light: "#a9afac", dark: "#565e5b" };
const LIKING = {
  light: ["#1f5f8c", "#5e93b4", "#a9bcc6", "#c9c4c0", "#dba3a8", "#c2566a", "#a3243b"],
  dark: ["#7cc4ee", "#5a92b3", "#48616e", "#565252", "#82535b", "#c2697a", "#f0798b"],
};

const theme = () => (document.body.classList.contains("dark") ? "dark" : "light");

/**
 * Colours of `count` labels, the rest sharing the last one, which is also that of unknown ones.
 * @param {number} count
 * @param {"light" | "dark"} on
 */
export function ofLabels(count, on = theme()) {
  const all = on === "dark" ? DARK : LIGHT;
  return [...all.slice(0, count), NEUTRAL[on]];
}

/** From least to most liked, and what has no value. */
export const ofLiking = (/** @type {"light" | "dark"} */ on = theme()) => [...LIKING[on], NEUTRAL[on]];

export const MOST_LABELS = LIGHT.length;
export const LIKING_STEPS = LIKING.light.length;
