// @ts-check
// A pad of valence and arousal: pieces lie on it, and a point is chosen for the next.

import { dress } from "./shared/dress.js";

/**
 * @typedef {[number, number]} Place valence and arousal, -1 to 1
 * @typedef {{names: string[], old: Place | null, new: Place | null, fixed: boolean, target: Place | null,
 *   asked?: Place | null, choices?: number, laid?: number}} Shown choices: how many had been made when the target was
 *   read, and laid when the new piece was laid there; asked: the place that it was to have
 */

const STEP = 0.1;
const MOVES = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const MIDDLE = /** @type {Place} */ ([0, 0]);
const NOTHING = { names: ["", ""], old: null, new: null, fixed: false, target: null };

const within = (/** @type {number} */ value) => Math.max(-1, Math.min(1, Math.round(value * 100) / 100));
const percent = (/** @type {number} */ value) => `${Math.round(Math.abs(value) * 100)} %`;

/** @param {Place} place */
const inWords = ([valence, arousal]) =>
  `${percent(valence)} ${valence < 0 ? "sad" : "happy"}, ${percent(arousal)} ${arousal < 0 ? "calm" : "lively"}`;

class Pad {
  /** @type {Place | null} */
  #pointed = null; // where the keys are, before Enter
  /** @type {Place | null} */
  #chosen = null;
  #choices = 0;

  /** @param {import("./shared/types.d.ts").GradioComponent<Shown | null>} component */
  constructor({ element, props, trigger }) {
    this.props = props;
    this.trigger = trigger;
    this.pad = /** @type {HTMLElement} */ (element.querySelector(".k-mood-pad"));
    this.any = /** @type {HTMLElement | null} */ (element.querySelector("[data-part=any]"));
    this.any?.addEventListener("click", () => this.#choose(null));
    this.pad.addEventListener("click", (event) => this.#choose(this.#under(event)));
    this.pad.addEventListener("keydown", (event) => this.#key(event));
    this.pad.addEventListener("blur", () => this.#point(null));
  }

  /** @returns {Shown} */
  get #shown() {
    return this.props.value ?? NOTHING;
  }

  /** Whether a place can be chosen: on some pages only beside a piece that lies there. */
  get #open() {
    const { fixed, old } = this.#shown;
    return !fixed && Boolean(old || this.any);
  }

  /**
   * What a page lays on the pad may have been read before the newest choice, which stays. Without the button each
   * piece begins anew.
   */
  laid() {
    const { choices = 0, target } = this.#shown;
    if (this.any && choices < this.#choices) return this.#set(this.#chosen);
    [this.#chosen, this.#choices] = [target, choices];
    this.show();
  }

  show() {
    const { old, new: made, target, asked } = this.#shown;
    const wanted = this.#pointed ?? target;
    this.#put("old", old);
    this.#put("new", made);
    this.#put("target", wanted ?? asked ?? null);
    this.pad.setAttribute("aria-disabled", String(!this.#open));
    this.any?.setAttribute("aria-pressed", String(!target));
    const here = wanted ?? (this.any ? null : (made ?? old));
    this.pad.setAttribute("aria-valuenow", String(Math.round(100 * (here?.[0] ?? 0))));
    this.pad.setAttribute("aria-valuetext", here ? inWords(here) : this.any ? "any mood" : "not heard yet");
  }

  /**
   * @param {string} part
   * @param {Place | null} place
   */
  #put(part, place) {
    const dot = /** @type {HTMLElement} */ (this.pad.querySelector(`[data-part=${part}]`));
    dot.hidden = !place;
    if (!place) return;
    dot.style.left = `${50 * (place[0] + 1)}%`;
    dot.style.top = `${50 * (1 - place[1])}%`;
  }

  /** @param {MouseEvent} event @returns {Place} */
  #under({ clientX, clientY }) {
    const { left, top, width, height } = this.pad.getBoundingClientRect();
    return [within((2 * (clientX - left)) / width - 1), within(1 - (2 * (clientY - top)) / height)];
  }

  /** @param {Place | null} place */
  #point(place) {
    this.#pointed = place;
    this.show();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const move = MOVES[/** @type {keyof typeof MOVES} */ (event.key)];
    const { old, new: made, target } = this.#shown;
    const from = this.#pointed ?? target ?? made ?? old ?? MIDDLE;
    if (!this.#open || event.ctrlKey || event.metaKey || event.altKey) return;
    if (move) this.#point([within(from[0] + STEP * move[0]), within(from[1] + STEP * move[1])]);
    else if (event.key === "Enter" && this.#pointed) this.#choose(this.#pointed);
    else if (event.key === "Escape" && this.#pointed) this.#point(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {Place | null} target null: any */
  #choose(target) {
    if (!this.#open) return;
    this.#pointed = null;
    this.#chosen = target;
    this.#choices += 1;
    this.#set(target);
  }

  /** @param {Place | null} target */
  #set(target) {
    this.props.value = { ...this.#shown, target, choices: this.#choices };
    this.show();
    this.trigger("input");
  }
}

/** @param {import("./shared/types.d.ts").GradioComponent<Shown | null>} component */
export async function start(component) {
  const pad = new Pad(component);
  component.watch("value", () => pad.laid());
  await dress(component.element, import.meta.url, "mood_pad.css");
  pad.laid();
}
