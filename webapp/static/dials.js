// One row a style: whose it is, how far it goes there, and the buttons that borrow it or give it back.

import { capital, describe } from "./words.js";

export class Dials {
  #styles = {}; // group, or "toward" for all of the piece → {source, strength}
  #told = new Map(); // source → {title, traits}

  /** `onBorrow(group)` asks for a source; `onChange(styles)` tells what is wanted now. */
  constructor(root, signal, { onBorrow, onChange }) {
    this.rows = new Map();
    for (const row of root.querySelectorAll(".k-dial")) {
      const { group } = row.dataset;
      const part = (selector) => row.querySelector(selector);
      const parts = {
        row,
        from: part("[data-part=from]"),
        explained: part("[data-part=from]").textContent,
        strength: part(".k-strength"),
        range: part("input"),
        output: part("output"),
        back: part("[data-do=return]"),
        borrow: part("[data-do=borrow]"),
        asks: part("[data-do=borrow]").textContent,
      };
      this.rows.set(group, parts);
      parts.borrow.addEventListener("click", () => onBorrow(group), { signal });
      parts.back.addEventListener("click", () => {
        const { [group]: _, ...rest } = this.#styles;
        parts.borrow.focus();
        onChange(rest);
      }, { signal });
      parts.range.addEventListener("input", () => this.#percent(parts), { signal });
      parts.range.addEventListener("change", () => {
        onChange({ ...this.#styles, [group]: { ...this.#styles[group], strength: Number(parts.range.value) / 100 } });
      }, { signal });
    }
  }

  get styles() {
    return this.#styles;
  }

  /** Remember what sources are called. */
  learn(sources) {
    for (const [name, told] of Object.entries(sources)) this.#told.set(name, told);
  }

  /** Show styles `{group: {source, strength}}`; `fixed` where they can only be looked at. */
  show(styles, fixed = false) {
    this.#styles = styles;
    for (const [group, parts] of this.rows) {
      const borrowed = styles[group];
      parts.row.classList.toggle("k-borrowed", Boolean(borrowed));
      const link = group === "toward" ? "on the way to" : "from";
      parts.from.textContent = borrowed ? `${link} ${this.#called(borrowed.source, group)}` : parts.explained;
      parts.strength.hidden = !borrowed;
      parts.back.hidden = !borrowed || fixed;
      parts.borrow.hidden = fixed;
      parts.range.disabled = fixed;
      parts.borrow.textContent = borrowed ? "Another" : parts.asks;
      if (!borrowed) continue;
      parts.range.value = Math.round(borrowed.strength * 100);
      this.#percent(parts);
    }
  }

  #percent({ range, output }) {
    output.textContent = `${range.value} %`;
    range.setAttribute("aria-valuetext", `${range.value} percent of the way`);
  }

  #called(source, group) {
    const told = this.#told.get(source);
    if (!told) return "a piece that is not here";
    return told.title ? `“${told.title}”` : `a piece: ${describe(told.traits, group) || "unnamed"}`;
  }
}

/** A choice as a list shows it: in words, and where it comes from. */
export function asClip(choice, style = "") {
  const words = capital(describe(choice.traits, style)) || "A piece";
  let detail = "not met yet";
  if (choice.rank) detail = `your no. ${choice.rank}`;
  if (choice.composed) detail += ", composed for you";
  if (choice.title) detail = `your own file; ${words.toLowerCase()}`;
  return { ...choice, heading: choice.title || words, detail };
}
