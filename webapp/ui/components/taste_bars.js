// @ts-check
// Best guesses with their 95 % intervals, each on a line.

import { dress } from "./shared/dress.js";

/**
 * @typedef {{value: number, low: number, high: number, whose: string}} Place in per cent of the axis
 * @typedef {{name: string, words: string, note: string, less: string, more: string, points: string, decided: boolean, described: string, test_id: string, places: Place[]}} Bar
 */

/**
 * @param {string} tag
 * @param {string} className
 * @param {string} text
 */
function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/**
 * @param {Bar} bar
 * @param {number | null} chance in per cent
 */
function axis(bar, chance) {
  const line = element("div", chance === null ? "k-scale k-middle" : "k-scale");
  for (const { value, low, high, whose } of bar.places) {
    const range = element("span", `k-range ${whose && `k-${whose}`}`);
    range.style.left = `${low}%`;
    range.style.width = `${high - low}%`;
    const guess = element("span", `k-guess ${whose && `k-${whose}`}`);
    guess.style.left = `${value}%`;
    line.append(range, guess);
  }
  if (chance !== null) {
    const mark = element("span", "k-chance");
    mark.style.left = `${chance}%`;
    line.append(mark);
  }
  if (bar.described) {
    line.setAttribute("role", "img");
    line.setAttribute("aria-label", bar.described);
  } else line.setAttribute("aria-hidden", "true");
  return line;
}

/**
 * @param {Bar} bar
 * @param {number | null} chance
 */
function row(bar, chance) {
  const node = element("div", "k-leaning");
  if (bar.test_id) node.dataset.testid = bar.test_id;
  node.classList.toggle("k-decided", bar.decided);
  node.classList.toggle("k-pointed", Boolean(bar.points));
  if (bar.name) {
    const words = element("p", "k-words", bar.words);
    if (bar.note) words.append(element("span", "k-others", bar.note));
    node.append(element("h3", "", bar.name), words);
  }
  node.append(axis(bar, chance));
  if (bar.points) node.append(element("span", "k-points", bar.points));
  if (bar.less || bar.more) node.append(element("span", "k-pole k-less", bar.less), element("span", "k-pole k-more", bar.more));
  return node;
}

/** @param {import("./shared/types.d.ts").GradioComponent<Bar[]>} component */
export async function start({ element: root, props, watch }) {
  const list = /** @type {HTMLElement} */ (root.querySelector(".k-leanings"));
  const show = () => list.replaceChildren(...(props.value ?? []).map((bar) => row(bar, props.share ? 100 * props.chance : null)));
  watch("value", show);
  show();
  await dress(root, import.meta.url, "taste_bars.css");
}
