// @ts-check
// What a piece has told after some bars, and what each of its bars was foreseen to be; it grows with the bar that sounds.

import { dress } from "./shared/dress.js";
import { whileOn } from "./shared/lifetime.js";
import { BAR } from "./shared/sounding_bar.js";

/**
 * @typedef {{label: string, chance: number, rest: string}} Cell
 * @typedef {{name: string, ahead: number, said: (string | null)[], heights: (number | null)[], came: (boolean | null)[], values: (string | null)[]}} Coming
 * @typedef {{name: string, bars: number, first_bar: number, silent: number, marks: number[], told: {name: string, cells: Cell[]}[], coming: Coming[], trust: string[][]}} Unfolded
 */

const LATER = "k-later"; // what could not be known yet
const DUE = "k-due"; // of a bar that was foreseen and has not sounded
const SHORT = "It is too short to foresee anything: that takes four bars.";

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {string} text
 * @param {string} className
 * @returns {HTMLElementTagNameMap[T]}
 */
function made(tag, text = "", className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = className;
  return element;
}

/** @param {string[]} texts @param {"th" | "td"} tag */
function row(texts, tag) {
  const found = made("tr");
  found.append(...texts.map((text, place) => made(place ? tag : "th", text)));
  return found;
}

const percent = (/** @type {number} */ share) => `${Math.round(100 * share)}\u00a0%`;

export class Unfolding {
  /** @type {Unfolded | null} */
  #value = null;
  /** @type {{element: HTMLElement, from: number, bar?: number}[]} what is known once so many bars have sounded */
  #parts = [];

  /** @param {HTMLElement} figure */
  constructor(figure) {
    this.figure = figure;
    whileOn(figure, document, BAR, ({ detail }) => this.#grow(detail));
  }

  /** @param {string} name */
  #part(name) {
    return /** @type {HTMLElement} */ (this.figure.querySelector(`[data-part=${name}]`));
  }

  /** @param {Unfolded | null} value */
  show(value) {
    this.figure.hidden = !value;
    if (!value || JSON.stringify(value) === JSON.stringify(this.#value)) return;
    this.#value = value;
    this.#parts = [];
    this.figure.style.setProperty("--bars", String(value.bars));
    this.#told(value);
    this.#part("coming").replaceChildren(...value.coming.map((each) => this.#lane(each, value)));
    const [head, ...rows] = value.trust.map((texts, place) => row(texts, place ? "td" : "th"));
    this.#part("trust").replaceChildren(...(head ? [head, ...rows] : []));
    /** @type {HTMLElement} */ (this.figure.querySelector("details")).hidden = !head;
    this.#say(value, 0);
  }

  /** @param {Unfolded} value */
  #told({ told, marks }) {
    const head = row(["", ...marks.map((mark) => `after ${mark} bar${mark > 1 ? "s" : ""}`)], "th");
    const rows = told.map(({ name, cells }) => {
      const found = row([name], "td");
      cells.forEach(({ label, chance, rest }, place) => {
        const cell = made("td");
        cell.style.setProperty("--chance", String(chance));
        cell.title = rest;
        cell.append(made("b", label), ` ${percent(chance)}`);
        this.#parts.push({ element: cell, from: marks[place] });
        found.append(cell);
      });
      return found;
    });
    this.#part("heard").replaceChildren(head, ...rows);
  }

  /** @param {Coming} coming @param {Unfolded} value */
  #lane({ name, ahead, heights, came, values }, { first_bar: first }) {
    const box = made("div", "", "k-unfolding-lane");
    const columns = made("div", "", "k-unfolding-columns");
    columns.setAttribute("role", "img");
    const known = heights.flatMap((height, bar) => (height === null ? [] : [`bar ${first + bar} ${percent(height)}`]));
    columns.setAttribute("aria-label", `${name}: ${known.join(", ")}`);
    heights.forEach((height, bar) => {
      const column = made("span", "", height === null ? "k-none" : "");
      column.style.setProperty("--height", `${100 * (height ?? 0)}%`);
      if (values[bar]) column.title = `Bar ${first + bar}: ${values[bar]}`;
      if (came[bar]) column.classList.add("k-came");
      this.#parts.push({ element: column, from: bar - ahead + 1, bar });
      columns.append(column);
    });
    box.append(made("p", name), columns);
    return box;
  }

  /** @param {{name: string, bar: number}} sounding */
  #grow({ name, bar }) {
    const value = this.#value;
    if (!value || (bar >= 0 && value.name && name !== value.name)) return;
    const heard = bar < 0 ? value.bars : Math.max(0, bar - value.silent);
    for (const { element, from, bar: own = -1 } of this.#parts) {
      element.classList.toggle(LATER, from > heard);
      element.classList.toggle(DUE, own >= heard); // a cell of the table belongs to no bar
    }
    this.#say(value, bar < 0 ? 0 : heard);
  }

  /** What is foreseen once so many bars have sounded, 0 where nothing sounds. @param {Unfolded} value @param {number} heard */
  #say({ coming, first_bar: first }, heard) {
    const said = coming.flatMap(({ name, said: each }) => (each[heard - 1] ? [`${name}: ${each[heard - 1]}.`] : []));
    const begins = said.length ? `After bar ${first + heard - 1}. ` : "";
    this.#part("now").textContent = coming.length ? begins + said.join(" ") : SHORT;
  }
}

/** @param {import("./shared/types.d.ts").GradioComponent<Unfolded | null>} component */
export async function start({ element, props, watch }) {
  const unfolding = new Unfolding(/** @type {HTMLElement} */ (element.querySelector(".k-unfolding")));
  const show = () => unfolding.show(props.value);
  watch("value", show);
  show();
  await dress(element, import.meta.url, "unfolding.css");
}
