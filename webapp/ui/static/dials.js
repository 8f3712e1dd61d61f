// One row a style: a dial that turns it, or whose it is and how far it goes there; the buttons that borrow it or give it
// back.

import { capital, describe, measure, poles } from "./words.js";

const MOST = 2; // standard deviations at a dial's ends

export class Dials {
  #styles = {}; // group, or "toward" for all of the piece → {source, strength}
  #turned = {}; // group → standard deviations
  #dials = {}; // group → {attribute, value, sd, real}, of the piece on the bench
  #told = new Map(); // source → {title, traits}

  /** `onBorrow(group)` asks for a source; `onChange(styles)` and `onTurn(turned)` tell what is wanted now. */
  constructor(root, signal, { onBorrow, onChange, onTurn }) {
    this.rows = new Map();
    this.legend = root.querySelector("[data-part=legend]");
    for (const row of root.querySelectorAll(".k-dial")) {
      const { group } = row.dataset;
      const part = (selector) => row.querySelector(selector);
      const parts = {
        row,
        from: part("[data-part=from]"),
        explained: part("[data-part=from]").textContent,
        strength: part(".k-strength"),
        range: part(".k-strength input"),
        output: part("output"),
        turn: part(".k-turn"),
        none: part("[data-part=none]"),
        dial: part(".k-turn input"),
        back: part("[data-do=return]"),
        gives: part("[data-do=return]").getAttribute("aria-label"),
        borrow: part("[data-do=borrow]"),
        asks: part("[data-do=borrow]").textContent,
      };
      this.rows.set(group, parts);
      parts.borrow.addEventListener("click", () => onBorrow(group), { signal });
      parts.back.addEventListener("click", () => {
        const { [group]: borrowed, ...rest } = this.#styles;
        parts.borrow.focus();
        if (borrowed) onChange(rest);
        else onTurn(this.without(group));
      }, { signal });
      parts.dial?.addEventListener("input", () => this.#tell(group, Number(parts.dial.value)), { signal });
      parts.dial?.addEventListener("change", () => {
        const by = Number(parts.dial.value);
        onTurn(by ? { ...this.#turned, [group]: by } : this.without(group));
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

  /** What is turned but for one style. */
  without(group) {
    const { [group]: _, ...rest } = this.#turned;
    return rest;
  }

  /**
   * Mark where real music and the piece on the bench lie on each dial; `dials` as the server tells them, `reasons` why a
   * style has none.
   */
  measure(dials, reasons = {}) {
    this.#dials = dials;
    this.legend.hidden = !Object.values(dials).some(({ real }) => real);
    for (const [group, { dial, turn, none }] of this.rows) {
      if (!turn) continue;
      const known = dials[group];
      const unmarked = known && !known.real ? "Where real music lies was not measured." : "";
      none.textContent = known ? unmarked : `Only borrowed: ${reasons[group] ?? "a dial for it was not measured"}.`;
      if (!known) continue;
      const [less, more] = poles(known.attribute);
      dial.setAttribute("aria-label", `Turn the ${group}, ${less} to ${more}`);
      const part = (name) => turn.querySelector(`[data-part=${name}]`);
      [part("less").textContent, part("more").textContent] = [less, more];
      const place = (value) => Math.min(1, Math.max(0, (value - known.value) / known.sd / (2 * MOST) + 0.5));
      const [lowest, low, , high, highest] = known.real ?? [];
      for (const [name, from, to] of [["most", lowest, highest], ["half", low, high]]) {
        part(name).hidden = !known.real;
        if (!known.real) continue;
        part(name).style.setProperty("--from", place(from));
        part(name).style.setProperty("--to", place(to));
      }
    }
  }

  /** Remember what sources are called. */
  learn(sources) {
    for (const [name, told] of Object.entries(sources)) this.#told.set(name, told);
  }

  /** Show styles `{group: {source, strength}}` and what is turned; `fixed` where they can only be looked at. */
  show(styles, turned, fixed = false) {
    [this.#styles, this.#turned] = [styles, turned];
    for (const [group, parts] of this.rows) {
      const borrowed = styles[group];
      const by = turned[group] ?? 0;
      parts.row.classList.toggle("k-borrowed", Boolean(borrowed || by));
      const link = group === "toward" ? "on the way to" : "from";
      parts.from.textContent = borrowed ? `${link} ${this.#called(borrowed.source, group)}` : parts.explained;
      parts.strength.hidden = !borrowed;
      parts.back.hidden = !(borrowed || by) || fixed;
      parts.back.textContent = by ? "Turn back" : "Give back";
      parts.back.setAttribute("aria-label", by ? `Turn the ${group} back` : parts.gives);
      if (parts.turn) {
        parts.turn.hidden = Boolean(borrowed) || !this.#dials[group];
        parts.none.hidden = Boolean(borrowed) || !parts.none.textContent;
        parts.dial.disabled = fixed;
        parts.dial.value = by;
        if (!borrowed) this.#tell(group, by);
      }
      parts.borrow.hidden = fixed;
      parts.range.disabled = fixed;
      parts.borrow.textContent = borrowed ? "Another" : parts.asks;
      if (!borrowed) continue;
      parts.range.value = Math.round(borrowed.strength * 100);
      this.#percent(parts);
    }
  }

  /** What a turned style asks for, in its attribute's own unit. */
  #tell(group, by) {
    const [parts, known] = [this.rows.get(group), this.#dials[group]];
    if (!known) return;
    const { attribute, value, sd } = known;
    const [[wanted], [own, unit]] = [measure(attribute, value + by * sd), measure(attribute, value)];
    const now = `${by ? `${wanted} instead of ${own}` : own} ${unit}`.trim();
    parts.from.textContent = by ? `to ${poles(attribute)[by < 0 ? 0 : 1]}: ${now}` : `${parts.explained}: ${now}`;
    parts.dial.setAttribute("aria-valuetext", now);
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
  if (choice.title) detail = `${choice.collection || "your own file"}; ${words.toLowerCase()}`;
  return { ...choice, heading: choice.title || words, detail };
}

/** A piece of a collection as a list shows it; a chorale's roll is drawn once it plays, since reading it takes a second. */
export function asTune(tune) {
  return { ...tune, heading: tune.title, detail: tune.collection, seconds: null, lazy: tune.domain === "chorale" };
}
