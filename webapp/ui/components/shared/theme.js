// @ts-check
// Gradio puts the class "dark" on the page where the system is dark; what is drawn on a canvas has to follow.

import { whileOn } from "./lifetime.js";

/**
 * Call `repaint` whenever light turns to dark or back, for as long as `element` is on the page.
 * @param {Element} element
 * @param {() => void} repaint
 */
export function onThemeChange(element, repaint) {
  const later = () => window.requestAnimationFrame(repaint); // Gradio's own listener changes the class first
  whileOn(element, window.matchMedia("(prefers-color-scheme: dark)"), "change", later);
}
