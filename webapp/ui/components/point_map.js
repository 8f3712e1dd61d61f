// @ts-check
// A map of points: its colours, its legend, what stands out, and the ways to take it along.

import { getJson } from "./shared/api.js";
import { dress } from "./shared/dress.js";
import { LIKING_STEPS, MOST_LABELS, ofLabels, ofLiking } from "./shared/palette.js";
import { saveAs } from "./shared/save.js";
import { Scatter } from "./shared/scatter.js";

/** @typedef {{x: number[], y: number[], text: string[], colours: Record<string, {labels: string[], codes: number[]}>, links: number[][] | null}} Points */
/** @typedef {{x: number, y: number, text: string, values?: Record<string, number>}} Added */

const RESTS_MS = 350; // browsers allow about a hundred changes of the address in half a minute
const NOTHING = /** @type {Points} */ ({ x: [], y: [], text: [], colours: {}, links: null });
const VALUES = ["less than average", "", "", "average", "", "", "more"];
const plain = (/** @type {string} */ text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

class PointMap {
  #points = NOTHING;
  #from = ""; // where they were had
  /** @type {Added[]} */
  #added = [];
  /** @type {string[]} */
  #plain = []; // texts to search in
  /** @type {number[]} */
  #codes = [];
  /** @type {number | null} */
  #alone = null; // code of the one colour that is seen alone
  #resting = 0;

  /** @param {import("./shared/types.d.ts").GradioComponent} component */
  constructor({ element, props, trigger }) {
    const find = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (element.querySelector(selector));
    this.props = props;
    this.trigger = trigger;
    this.legend = find(".k-map-legend");
    this.tip = find(".k-tip");
    this.source = find("[data-part=source]");
    this.scatter = new Scatter(find(".k-map"), {
      onPick: (/** @type {number} */ row) => this.#pick(row),
      onHover: (/** @type {number} */ row, /** @type {[number, number]} */ at) => this.#tip(row, at),
      onView: () => this.#moved(),
    });
    this.scatter.onTheme = () => this.paint();
    const zooms = { nearer: () => this.scatter.zoom(1.5), farther: () => this.scatter.zoom(1 / 1.5), whole: () => this.scatter.whole() };
    for (const [name, act] of Object.entries(zooms)) find(`[data-do=${name}]`).addEventListener("click", act);
    for (const form of ["png", "svg", "csv"]) find(`[data-take=${form}]`).addEventListener("click", () => this.#take(form));
  }

  get #value() {
    return this.props.value ?? {};
  }

  /** Show the points that Python has set. */
  async show() {
    const { points = NOTHING, added = [], hidden = [], view = null, source = "" } = this.#value;
    const from = typeof points === "string" ? points : "";
    const another = !from || from !== this.#from;
    if (another) {
      const found = from ? await getJson(from) : points;
      if (points !== this.#value.points && from !== this.#value.points) return; // another map was opened meanwhile
      this.#points = found;
    }
    this.#from = from;
    this.#added = added;
    this.#plain = [...this.#points.text, ...added.map((/** @type {Added} */ each) => each.text)].map(plain);
    const along = (/** @type {"x" | "y"} */ axis) => [...this.#points[axis], ...added.map((/** @type {Added} */ each) => each[axis])];
    const count = this.#points.x.length;
    this.scatter.show(along("x"), along("y"), { rings: added.map((/** @type {Added} */ _, /** @type {number} */ index) => count + index), hidden });
    this.source.textContent = source;
    this.paint();
    if (another && view) this.scatter.view = view;
    else if (another) this.scatter.whole();
    this.pick();
    performance.mark("kallos.map");
  }

  /** Colour the points, and say what each colour is. */
  paint() {
    const { colour } = this.props;
    const values = this.#value.values?.[colour];
    const known = this.#points.colours[colour] ?? { labels: [], codes: this.#points.x.map(() => -1) };
    const shown = values ? LIKING_STEPS : Math.min(known.labels.length, MOST_LABELS);
    const codes = values ? this.#steps(values, colour) : [...known.codes, ...this.#added.map(() => -1)];
    this.#codes = codes.map((/** @type {number} */ code) => (code < shown ? code : -1));
    const colours = values ? ofLiking() : ofLabels(shown);
    this.scatter.paint(this.#codes, colours);
    const rest = values || known.labels.length <= shown ? "unknown" : `unknown and ${known.labels.length - shown} rarer`;
    this.#explain(values ? VALUES : known.labels.slice(0, shown), rest, colours);
    this.light();
  }

  /**
   * @param {number[]} values
   * @param {string} name
   */
  #steps(values, name) {
    const all = [...values, ...this.#added.map((each) => each.values?.[name])];
    const most = Math.max(...all.map((each) => Math.abs(each ?? 0)), 1e-9);
    const step = (/** @type {number} */ each) => Math.min(LIKING_STEPS - 1, Math.floor(((each / most + 1) / 2) * LIKING_STEPS));
    return all.map((each) => (each === undefined ? -1 : step(each)));
  }

  /**
   * @param {string[]} names
   * @param {string} rest
   * @param {string[]} colours
   */
  #explain(names, rest, colours) {
    const counts = new Map();
    for (const code of this.#codes) counts.set(code, (counts.get(code) ?? 0) + 1);
    /** @type {[string, number][]} */
    const entries = names.map((label, code) => [label, code]);
    if (counts.has(-1)) entries.push([rest, -1]);
    this.legend.replaceChildren(
      ...entries.map(([label, code]) => {
        const button = document.createElement("button");
        button.type = "button";
        button.setAttribute("aria-pressed", String(code === this.#alone));
        const dot = document.createElement("i");
        dot.style.background = colours.at(code) ?? "";
        const count = document.createElement("small");
        count.textContent = String(counts.get(code) ?? 0);
        button.append(dot, label, count);
        button.addEventListener("click", () => {
          this.#alone = this.#alone === code ? null : code;
          for (const each of this.legend.children) each.setAttribute("aria-pressed", String(this.#alone === code && each === button));
          this.light();
        });
        return button;
      }),
    );
  }

  /** Let those points stand out that have the words in their text and the colour that is seen alone. */
  light() {
    const words = plain((this.props.words ?? "").trim());
    if (!words && this.#alone === null) return this.scatter.light(null);
    const fits = (/** @type {number} */ row) => (this.#alone === null || this.#codes[row] === this.#alone) && this.#plain[row].includes(words);
    return this.scatter.light([...this.#codes.keys()].filter(fits));
  }

  /** Mark the point that Python has chosen, and bring it into the picture. */
  pick() {
    const row = this.props.picked ?? -1;
    if (row >= 0 && row < this.#plain.length) this.scatter.reveal(row);
    this.scatter.select(row, this.#points.links?.[row] ?? []);
  }

  /** @param {number} row */
  #pick(row) {
    this.scatter.select(row, this.#points.links?.[row] ?? []);
    this.trigger("select", { row });
  }

  /**
   * @param {number} row
   * @param {[number, number]} at
   */
  #tip(row, [x, y]) {
    this.tip.hidden = row < 0;
    if (row < 0) return;
    this.tip.textContent = this.#points.text[row] ?? this.#added[row - this.#points.text.length].text;
    this.tip.style.left = `${Math.min(this.scatter.root.clientWidth - 110, Math.max(110, x))}px`;
    this.tip.style.top = `${Math.max(46, y)}px`;
  }

  #moved() {
    window.clearTimeout(this.#resting);
    this.#resting = window.setTimeout(() => this.trigger("move", this.scatter.view), RESTS_MS);
  }

  /** @param {string} form */
  #take(form) {
    const name = this.#value.name ?? "map";
    if (form === "csv") saveAs(this.#csv(), name, form);
    else if (form === "svg") saveAs(this.scatter.svg(), name, form);
    else this.scatter.canvas.toBlob((/** @type {Blob} */ bytes) => saveAs(bytes, name, form));
  }

  /** The points with their places and labels; the first line says where they come from. */
  #csv() {
    const { x, y, text, colours } = this.#points;
    const quoted = (/** @type {string} */ value) => `"${String(value).replaceAll('"', '""')}"`;
    const labels = Object.values(colours).map(({ labels: names, codes }) => (/** @type {number} */ row) => quoted(names[codes[row]] ?? ""));
    const lines = x.map((_, row) => [x[row], y[row], quoted(text[row]), ...labels.map((label) => label(row))].join(","));
    return [`# ${this.#value.source ?? ""}`, ["x", "y", "text", ...Object.keys(colours)].join(","), ...lines, ""].join("\n");
  }
}

/** @param {import("./shared/types.d.ts").GradioComponent} component */
export async function start(component) {
  await dress(component.element, import.meta.url, "chart_exports.css", "point_map.css");
  const map = new PointMap(component);
  component.watch("value", () => map.show());
  component.watch("colour", () => map.paint());
  component.watch("words", () => map.light());
  component.watch("picked", () => map.pick());
  await map.show();
}
