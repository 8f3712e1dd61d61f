// @ts-check
// A piece as it was heard: notes that tell what else was likely, above lanes with a column a bar.

import { dress } from "./shared/dress.js";
import { Unfolding } from "./unfolding.js";

/**
 * @typedef {[number, number, number, number, string]} Note onset and length in bars, pitch, how dark it is, what it tells
 * @typedef {{name: string, about: string, values: (string | null)[], heights: (number | null)[], line: number | null, line_name: string}} Lane
 * @typedef {{name: string, first_bar: number, summary: string, bars: number, notes: Note[], lanes: Lane[], unfolding: import("./unfolding.js").Unfolded | null}} Heard
 */

const LEAST_RANGE = 24; // semitones shown at least
const NEAR_PX = 14; // how far from a note one may point
const STEPS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };

/**
 * @param {string} tag
 * @param {string} className
 * @param {string} text
 */
function made(tag, className = "", text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

class Lanes {
  /** @type {Heard | null} */
  #heard = null;
  /** @type {HTMLElement[]} */
  #drawn = [];
  #at = -1; // the note that is told
  #waiting = ""; // what stands there while none is

  /** @param {HTMLElement} root */
  constructor(root) {
    this.figure = /** @type {HTMLElement} */ (root.querySelector("figure"));
    this.notes = this.#part("notes");
    this.#waiting = this.#part("told").textContent ?? "";
    for (const name of ["pointermove", "pointerdown"]) {
      this.notes.addEventListener(name, (event) => this.#point(/** @type {PointerEvent} */ (event)));
    }
    this.notes.addEventListener("focus", () => this.#at < 0 && this.notes.matches(":focus-visible") && this.#tell(0));
    this.notes.addEventListener("keydown", (event) => this.#key(event));
  }

  /** @param {string} name */
  #part(name) {
    return /** @type {HTMLElement} */ (this.figure.querySelector(`[data-part=${name}]`));
  }

  /** @param {Heard | null} heard */
  show(heard) {
    this.figure.hidden = !heard;
    if (!heard || JSON.stringify(heard) === JSON.stringify(this.#heard)) return;
    [this.#heard, this.#at] = [heard, -1];
    this.figure.style.setProperty("--bars", String(heard.bars));
    this.#part("summary").textContent = heard.summary;
    this.#part("told").textContent = this.#waiting;
    this.#ruler(heard);
    this.#part("lanes").replaceChildren(...heard.lanes.map((lane) => this.#lane(lane)));
    this.#table(heard);
    this.#roll(heard);
  }

  /** @param {Heard} heard */
  #ruler({ bars, first_bar: first }) {
    const numbers = Array.from({ length: bars }, (_, bar) => made("span", "", String(first + bar)));
    this.#part("ruler").replaceChildren(...numbers);
  }

  /** @param {Heard} heard */
  #roll({ notes, bars }) {
    const pitches = notes.map((note) => note[2]);
    const [low, high] = [Math.min(...pitches), Math.max(...pitches)];
    const range = Math.max(LEAST_RANGE, high - low + 3);
    const top = (low + high + range) / 2;
    this.#drawn = notes.map(([onset, length, pitch, dark]) => {
      const note = document.createElement("i");
      note.style.left = `${(100 * onset) / bars}%`;
      note.style.width = `${(100 * length) / bars}%`;
      note.style.top = `${(100 * (top - pitch - 0.5)) / range}%`;
      note.style.height = `${100 / range}%`;
      note.style.setProperty("--dark", String(dark));
      return note;
    });
    this.notes.replaceChildren(...this.#drawn);
    this.notes.setAttribute("aria-valuemax", String(notes.length));
    this.notes.setAttribute("aria-valuenow", "1");
    this.notes.setAttribute("aria-valuetext", notes[0][4]);
  }

  /** @param {Lane} lane */
  #lane({ name, about, values, heights, line, line_name: called }) {
    const box = made("div", "k-tension-lane");
    const label = made("p", "");
    label.append(made("b", "", name), ` ${about}`);
    if (line !== null) label.append(made("span", "", called));
    const columns = made("div", "k-tension-columns");
    columns.setAttribute("aria-hidden", "true");
    columns.append(
      ...heights.map((height, bar) => {
        const column = made("span", height === null ? "k-none" : "");
        column.style.setProperty("--height", `${100 * (height ?? 0)}%`);
        if (values[bar] !== null) column.title = `${name} ${values[bar]}`;
        return column;
      }),
    );
    if (line !== null) {
      const mark = made("hr", "");
      mark.style.bottom = `${100 * line}%`;
      columns.append(mark);
    }
    box.append(label, columns);
    return box;
  }

  /** The same for whoever can't see it. @param {Heard} heard */
  #table({ bars, first_bar: first, lanes }) {
    const head = made("tr");
    head.append(...["Bar", ...lanes.map((lane) => lane.name)].map((name) => made("th", "", name)));
    const rows = Array.from({ length: bars }, (_, bar) => {
      const row = made("tr");
      row.append(made("th", "", String(first + bar)), ...lanes.map((lane) => made("td", "", lane.values[bar] ?? "–")));
      return row;
    });
    const caption = made("caption", "", "What was heard in each bar");
    this.#part("table").replaceChildren(caption, head, ...rows);
  }

  /** @param {PointerEvent} event */
  #point({ clientX, clientY }) {
    let [best, nearest] = [-1, NEAR_PX];
    this.#drawn.forEach((note, place) => {
      const box = note.getBoundingClientRect();
      const across = Math.max(box.left - clientX, 0, clientX - box.right);
      const up = Math.max(box.top - clientY, 0, clientY - box.bottom);
      const away = Math.hypot(across, up);
      if (away < nearest) [best, nearest] = [place, away];
    });
    if (best >= 0) this.#tell(best);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { key } = event;
    const last = this.#drawn.length - 1;
    const step = STEPS[/** @type {keyof typeof STEPS} */ (key)];
    if (key === "Home" || key === "End") this.#tell(key === "Home" ? 0 : last);
    else if (step) this.#tell(Math.min(last, Math.max(0, this.#at + step)));
    else return;
    event.preventDefault();
  }

  /** @param {number} place */
  #tell(place) {
    const note = this.#heard?.notes[place];
    if (!note || place === this.#at) return;
    this.#drawn[this.#at]?.classList.remove("k-told");
    this.#drawn[place].classList.add("k-told");
    this.#at = place;
    this.#part("told").textContent = note[4];
    this.notes.setAttribute("aria-valuenow", String(place + 1));
    this.notes.setAttribute("aria-valuetext", note[4]);
  }
}

/** @param {import("./shared/types.d.ts").GradioComponent<Heard | null>} component */
export async function start({ element: root, props, watch }) {
  const lanes = new Lanes(root);
  const unfolding = new Unfolding(/** @type {HTMLElement} */ (root.querySelector(".k-unfolding")));
  const show = () => {
    lanes.show(props.value);
    unfolding.show(props.value?.unfolding ?? null);
  };
  watch("value", show);
  show();
  await dress(root, import.meta.url, "tension_lanes.css", "unfolding.css");
}
