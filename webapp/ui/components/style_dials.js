// @ts-check
// One row a style: a dial that turns it, or whose it is and how far it goes there; the buttons that borrow it or give it
// back.

import { dress } from "./shared/dress.js";
import { PICTURE_STYLES, describe, measure, poles } from "./studio/words.js";

const MOST = 2; // standard deviations at a dial's ends
const UNNAMED = "a piece that is not here";

/**
 * @typedef {{attribute: string, value: number, sd: number, real: number[] | null}} Dial
 * @typedef {{source: string, strength: number}} Borrowed
 * @typedef {{dials: Record<string, Dial>, no_dials: Record<string, string>, styles: Record<string, Borrowed>, turned: Record<string, number>, sources: Record<string, {title: string, traits: Record<string, number>}>, meter: [number, number], fixed: boolean}} Value
 * @typedef {{row: HTMLElement, from: HTMLElement, explained: string, strength: HTMLElement, range: HTMLInputElement, output: HTMLElement, turn: HTMLElement | null, none: HTMLElement | null, dial: HTMLInputElement | null, back: HTMLElement, removes: string, borrow: HTMLElement, asks: string, own: boolean}} Parts
 */

/** @type {Value} */
const NOTHING = { dials: {}, no_dials: {}, styles: {}, turned: {}, sources: {}, meter: [4, 4], fixed: false };

class StyleDials {
  /** @type {Map<string, Parts>} */
  #rows = new Map();

  /** @param {import("./shared/types.d.ts").GradioComponent<Value>} component */
  constructor({ element, props, trigger }) {
    this.element = element;
    this.props = props;
    this.trigger = trigger;
    for (const row of /** @type {NodeListOf<HTMLElement>} */ (element.querySelectorAll(".k-dial"))) this.#row(row);
  }

  /** @returns {Value} */
  get value() {
    return { ...NOTHING, ...this.props.value };
  }

  /** @param {HTMLElement} row */
  #row(row) {
    const group = row.dataset.group ?? "";
    const part = (/** @type {string} */ selector) => /** @type {any} */ (row.querySelector(selector));
    /** @type {Parts} */
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
      removes: part("[data-do=return]").getAttribute("aria-label"),
      borrow: part("[data-do=borrow]"),
      asks: part("[data-do=borrow]").textContent.trim(),
      own: row.dataset.own !== undefined, // is turned alone, and never borrowed
    };
    this.#rows.set(group, parts);
    parts.borrow.addEventListener("click", () => this.trigger("borrow", { group }));
    parts.back.addEventListener("click", () => {
      (parts.own ? parts.dial : parts.borrow)?.focus();
      this.#change({ styles: without(this.value.styles, group), turned: without(this.value.turned, group) });
    });
    const { dial, range } = parts;
    dial?.addEventListener("input", () => this.#tell(group, Number(dial.value)));
    dial?.addEventListener("change", () => {
      const by = Number(dial.value);
      const rest = without(this.value.turned, group);
      this.#change({ turned: by ? { ...rest, [group]: by } : rest });
    });
    range.addEventListener("input", () => percent(parts));
    range.addEventListener("change", () => {
      const { styles } = this.value;
      this.#change({ styles: { ...styles, [group]: { ...styles[group], strength: Number(range.value) / 100 } } });
    });
  }

  /** The listener wants it so. @param {Partial<Value>} change */
  #change(change) {
    this.props.value = { ...this.value, ...change };
    this.show();
    this.trigger("input");
  }

  /** Show the value on every row. */
  show() {
    const { dials, no_dials: reasons, styles, turned, fixed } = this.value;
    const legend = /** @type {HTMLElement | null} */ (this.element.querySelector("[data-part=legend]"));
    if (legend) legend.hidden = !Object.values(dials).some(({ real }) => real);
    for (const [group, parts] of this.#rows) {
      const borrowed = styles[group];
      const by = turned[group] ?? 0;
      parts.row.classList.toggle("k-borrowed", Boolean(borrowed || by));
      const link = group === "toward" ? "into" : "from";
      parts.from.textContent = borrowed ? `${link} ${this.#called(borrowed.source, group)}` : parts.explained;
      parts.strength.hidden = !borrowed;
      parts.back.hidden = !(borrowed || by) || fixed;
      parts.back.textContent = by ? "Reset" : "Remove";
      parts.back.setAttribute("aria-label", by ? `Reset the ${group}` : parts.removes);
      if (parts.turn && parts.dial && parts.none) {
        const known = dials[group];
        mark(parts, group, known);
        const unmarked = known && !known.real && !parts.own ? "Where real music lies was not measured." : "";
        parts.none.textContent = known ? unmarked : `Borrow it to change it: ${reasons[group] ?? "a dial for it was not measured"}.`;
        parts.turn.hidden = Boolean(borrowed) || !known;
        parts.none.hidden = Boolean(borrowed) || parts.own || !parts.none.textContent;
        parts.dial.disabled = fixed;
        parts.dial.value = String(by);
        if (!borrowed) this.#tell(group, by);
      }
      parts.borrow.hidden = fixed || parts.own;
      parts.range.disabled = fixed;
      parts.borrow.textContent = borrowed ? "Change" : parts.asks;
      if (!borrowed) continue;
      parts.range.value = String(Math.round(borrowed.strength * 100));
      percent(parts);
    }
  }

  /**
   * What a turned style asks for, in its attribute's own unit.
   * @param {string} group
   * @param {number} by
   */
  #tell(group, by) {
    const known = this.value.dials[group];
    const parts = this.#rows.get(group);
    if (!known || !parts) return;
    const { attribute, value, sd } = known;
    const { meter } = this.value;
    const [[wanted], [own, unit]] = [measure(attribute, value + by * sd, meter), measure(attribute, value, meter)];
    const now = `${by ? `${wanted} instead of ${own}` : own} ${unit}`.trim();
    parts.from.textContent = by ? `towards ${poles(attribute)[by < 0 ? 0 : 1]}: ${now}` : `${parts.explained}: ${now}`;
    parts.dial?.setAttribute("aria-valuetext", now);
  }

  /**
   * @param {string} source
   * @param {string} group
   */
  #called(source, group) {
    const told = this.value.sources[source];
    if (!told) return UNNAMED;
    const what = group in PICTURE_STYLES ? "a picture" : "a piece";
    return told.title ? `“${told.title}”` : `${what}: ${describe(told.traits, group) || "unnamed"}`;
  }
}

/**
 * Mark on a dial where real music lies around the piece.
 * @param {Parts} parts
 * @param {string} group
 * @param {Dial | undefined} known
 */
function mark({ turn, dial }, group, known) {
  if (!known || !turn) return;
  const [less, more] = poles(known.attribute);
  dial?.setAttribute("aria-label", `Turn the ${group}, ${less} to ${more}`);
  const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (turn.querySelector(`[data-part=${name}]`));
  part("less").textContent = less;
  part("more").textContent = more;
  const place = (/** @type {number} */ value) => Math.min(1, Math.max(0, (value - known.value) / known.sd / (2 * MOST) + 0.5));
  for (const name of ["most", "half"]) part(name).hidden = !known.real;
  if (!known.real) return;
  const [lowest, low, , high, highest] = known.real;
  for (const [name, from, to] of /** @type {[string, number, number][]} */ ([["most", lowest, highest], ["half", low, high]])) {
    part(name).style.setProperty("--from", String(place(from)));
    part(name).style.setProperty("--to", String(place(to)));
  }
}

/** @param {Parts} parts */
function percent({ range, output }) {
  output.textContent = `${range.value} %`;
  range.setAttribute("aria-valuetext", `${range.value} percent of the way`);
}

/**
 * @template Kind
 * @param {Record<string, Kind>} all
 * @param {string} group
 */
function without(all, group) {
  const { [group]: _, ...rest } = all;
  return rest;
}

/** @param {import("./shared/types.d.ts").GradioComponent<Value>} component */
export async function start(component) {
  const dials = new StyleDials(component);
  component.watch("value", () => dials.show());
  dials.show();
  await dress(component.element, import.meta.url, "style_dials.css");
}
