// @ts-check
// A map of points: its colours, its legend, what stands out, and the ways to take it along.

import { dress } from "./shared/dress.js";
import { Lasso, within } from "./shared/lasso.js";
import { asPng, sheetSvg } from "./shared/map_sheet.js";
import { LIKING_STEPS, legendOf, ofLabels, ofLiking } from "./shared/palette.js";
import { RegionLabels } from "./shared/region_labels.js";
import { json } from "./shared/request.js";
import { saveAs } from "./shared/save.js";
import { Scatter } from "./shared/scatter.js";

/**
 * @typedef {{x: number[], y: number[], text: string[], colours: Record<string, import("./shared/palette.js").Coded>, links: number[][] | null, regions?: import("./shared/region_labels.js").Region[], islands?: import("./shared/main_part.js").Box[]}} Points
 * @typedef {{x: number, y: number, text: string, label?: string, labels?: Record<string, string>, values?: Record<string, number>}} Added
 */

const RESTS_MS = 350; // browsers allow about a hundred changes of the address in half a minute
const COMING_MS = 60000; // for thousands of points on a slow line
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
  /** @type {Set<number> | null} */
  #chosen = null; // rows around which a line was drawn
  /** @type {[string, number][]} */
  #legend = []; // what each colour says, with its code
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
    this.regions = new RegionLabels(find(".k-regions"), this.scatter);
    this.scatter.onTheme = () => this.paint();
    this.scatter.onDrawn = () => this.regions.place();
    this.lassoButton = find("[data-do=lasso]");
    this.clearButton = find("[data-do=clear]");
    /** @type {NodeListOf<HTMLButtonElement>} */
    this.selecting = element.querySelectorAll("[data-do=lasso], [data-do=seen], [data-take]");
    this.lasso = new Lasso(/** @type {any} */ (element.querySelector(".k-lasso")), (polygon) => {
      this.#drawing(false);
      this.#choose(this.scatter.rowsWithin((/** @type {number} */ x, /** @type {number} */ y) => within(polygon, x, y)));
    });
    const acts = {
      nearer: () => this.scatter.zoom(1.5),
      farther: () => this.scatter.zoom(1 / 1.5),
      main: () => this.scatter.home(),
      whole: () => this.scatter.whole(),
      lasso: () => this.#drawing(!this.lasso.on),
      seen: () => this.#choose(this.scatter.rowsWithin((/** @type {number} */ x, /** @type {number} */ y) => this.#inside(x, y))),
      clear: () => this.#choose(null),
    };
    for (const [name, act] of Object.entries(acts)) find(`[data-do=${name}]`).addEventListener("click", act);
    element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape") return;
      if (this.lasso.on) this.#drawing(false);
      else if (this.#chosen) this.#choose(null);
    });
    for (const form of ["png", "svg", "csv"]) find(`[data-take=${form}]`).addEventListener("click", () => this.#take(form));
  }

  get #value() {
    return this.props.value ?? {};
  }

  /** Show the points that Python has set. */
  async show() {
    const { points = NOTHING, added = [], hidden = [], view = null, source = "", axes = null } = this.#value;
    const from = typeof points === "string" ? points : "";
    const wanted = () => points === this.#value.points || from === this.#value.points; // no other was opened meanwhile
    let found = from ? this.#points : points;
    if (from && from !== this.#from) {
      this.#empty();
      try {
        found = await json("GET", from, undefined, COMING_MS);
      } catch (error) {
        if (wanted()) this.source.textContent = `The points of this map did not come. ${/** @type {Error} */ (error).message} Reload the page to try again.`;
        return;
      }
    }
    if (!wanted()) return;
    const another = !from || from !== this.#from; // they may have come meanwhile, asked for twice
    if (another) this.#points = found;
    this.#from = from;
    this.#added = added;
    this.#plain = [...this.#points.text, ...added.map((/** @type {Added} */ each) => each.text)].map(plain);
    const along = (/** @type {"x" | "y"} */ axis) => [...this.#points[axis], ...added.map((/** @type {Added} */ each) => each[axis])];
    const count = this.#points.x.length;
    this.#selectable(this.#plain.length > 0);
    const { islands = [], regions = [] } = this.#points;
    this.scatter.show(along("x"), along("y"), { rings: added.map((/** @type {Added} */ _, /** @type {number} */ index) => count + index), hidden, islands, crossed: Boolean(axes) });
    this.regions.show(regions);
    this.source.textContent = source;
    if (another) this.#kept(null);
    this.paint();
    if (another && view) this.scatter.view = view;
    else if (another) this.scatter.home();
    this.pick();
    performance.mark("kallos.map");
  }

  /** Until a map's points have come there are none: those that were there are of another. */
  #empty() {
    [this.#points, this.#from, this.#added, this.#plain] = [NOTHING, "", [], []];
    this.#selectable(false);
    this.#kept(null);
    this.scatter.show([], []);
    this.regions.show([]);
    this.source.textContent = "";
    this.paint();
  }

  /** Colour the points, and say what each colour is. */
  paint() {
    const { colour } = this.props;
    const values = this.#plain.length ? this.#value.values?.[colour] : undefined;
    const known = this.#known;
    this.#codes = values ? this.#steps(values, colour) : known.codes;
    this.scatter.paint(this.#codes, this.#colours());
    const unknown = (values ? this.#codes.includes(-1) : known.unknown) ? "unknown" : "";
    const rest = values || known.rarer <= 0 ? unknown : [unknown, `${known.rarer} rarer`].filter(Boolean).join(" and ");
    this.#legend = (values ? VALUES : known.labels).map((label, code) => [label, code]);
    if (this.#codes.includes(-1)) this.#legend.push([rest, -1]);
    this.light();
  }

  /** The labels of the colours that are shown. */
  get #known() {
    const { colour } = this.props;
    const known = this.#points.colours[colour] ?? { labels: [], codes: this.#points.x.map(() => -1) };
    return legendOf(known, this.#added.map((each) => each.labels?.[colour] ?? each.label ?? ""));
  }

  /**
   * The colours of the codes, last that of unknown ones.
   * @param {"light" | "dark"} [on]
   */
  #colours(on) {
    return this.#value.values?.[this.props.colour] ? ofLiking(on) : ofLabels(this.#known, on);
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

  #explain() {
    const counts = this.#counts();
    const colours = this.#colours();
    this.legend.replaceChildren(
      ...this.#legend.map(([label, code]) => {
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

  /** The rows around which a line was drawn and that have the words in their text; those of all colours. */
  get #fitting() {
    const words = this.#words;
    const { hidden = [] } = this.#value;
    const fits = (/** @type {number} */ row) => (!this.#chosen || this.#chosen.has(row)) && this.#plain[row].includes(words);
    return [...this.#codes.keys()].filter((row) => fits(row) && !hidden.includes(row));
  }

  /** How many of them have each colour. */
  #counts() {
    const counts = new Map();
    for (const row of this.#fitting) counts.set(this.#codes[row], (counts.get(this.#codes[row]) ?? 0) + 1);
    return counts;
  }

  get #words() {
    return plain((this.props.words ?? "").trim());
  }

  /** The rows that stand out: of them those of the colour that is seen alone. */
  get #standing() {
    return this.#fitting.filter((row) => this.#alone === null || this.#codes[row] === this.#alone);
  }

  get #allStand() {
    return !this.#words && this.#alone === null && !this.#chosen;
  }

  /** Let those points stand out, and count them. */
  light() {
    const rows = this.#allStand ? null : this.#standing;
    this.scatter.light(rows, this.#words && rows ? rows : []);
    this.#explain();
  }

  /**
   * Points can be selected and taken along once they are there.
   * @param {boolean} on
   */
  #selectable(on) {
    for (const button of this.selecting) button.disabled = !on;
  }

  /** @param {boolean} on */
  #drawing(on) {
    this.lasso.on = on;
    this.lassoButton.setAttribute("aria-pressed", String(on));
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  #inside(x, y) {
    return x >= 0 && y >= 0 && x <= this.scatter.camera.width && y <= this.scatter.camera.height;
  }

  /**
   * Keep only these rows in sight, and say so; null for all.
   * @param {number[] | null} rows
   */
  #choose(rows) {
    this.#kept(rows?.length ? rows : null);
    this.light();
    this.trigger("lasso", { rows: rows ?? [] });
  }

  /** @param {number[] | null} rows */
  #kept(rows) {
    this.#chosen = rows && new Set(rows);
    this.clearButton.hidden = !rows;
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
  async #take(form) {
    const name = this.#value.name ?? "map";
    if (form === "csv") return saveAs(this.#csv(), name, form);
    const svg = this.#sheet();
    return saveAs(form === "svg" ? svg : await asPng(svg), name, form);
  }

  /** How many points stand out and why; "" where all do. */
  get #whyTheseStand() {
    if (this.#allStand) return "";
    const alone = this.#legend.find(([_, code]) => code === this.#alone);
    const why = [this.#chosen && "selected", this.#words && `with “${this.props.words.trim()}” in the title`, alone && `${this.props.colour}: ${alone[0]}`];
    return `${this.#standing.length} of ${this.#all} points stand out: ${why.filter(Boolean).join(", ")}`;
  }

  get #all() {
    return this.#codes.length - (this.#value.hidden ?? []).length;
  }

  /** The picture with all that it takes to read it. */
  #sheet() {
    const { colour } = this.props;
    const counts = this.#counts();
    const colours = this.#colours("light");
    const { dots } = this.scatter;
    const seen = dots.length < this.#all ? `${dots.length} of ${this.#all} are in the picture` : "";
    const { width, height } = this.scatter.camera;
    const entries = this.#legend.filter(([label, code]) => label && counts.has(code) && (this.#alone === null || code === this.#alone));
    return sheetSvg({
      title: this.#value.title ?? "Map",
      colour,
      shown: [this.#whyTheseStand, seen].filter(Boolean),
      width,
      height,
      dots,
      colours,
      legend: entries.map(([label, code]) => [label, counts.get(code), colours.at(code) ?? ""]),
      names: this.regions.written,
      cross: this.scatter.cross,
      source: this.#value.source ?? "",
    });
  }

  /** The points with their places and labels; the first lines say what it is and where it comes from. */
  #csv() {
    const { x, y, text, colours } = this.#points;
    const quoted = (/** @type {string} */ value) => `"${String(value).replaceAll('"', '""')}"`;
    const labels = Object.values(colours).map(({ labels: names, codes }) => (/** @type {number} */ row) => quoted(names[codes[row]] ?? ""));
    const rows = this.#standing.filter((row) => row < x.length);
    const lines = rows.map((row) => [x[row], y[row], quoted(text[row]), ...labels.map((label) => label(row))].join(","));
    const axes = this.#value.axes?.map((/** @type {string} */ each, /** @type {number} */ at) => `${"xy"[at]}: ${each}`).join("; ");
    const legend = `# columns: ${axes ?? "x and y in mean radii of the map"}, text, and the labels of each colouring; "" is unknown`;
    const about = [`# ${[this.#value.title ?? "Map", this.#whyTheseStand].filter(Boolean).join("; ")}`, `# ${this.#value.source ?? ""}`, legend];
    return [...about, ["x", "y", "text", ...Object.keys(colours)].join(","), ...lines, ""].join("\n");
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
