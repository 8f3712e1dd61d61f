// Many points on a canvas that can be moved, zoomed and pointed at, by mouse, touch and keyboard. It knows colours by
// number and points by row, and nothing of what they mean.

import { Gestures } from "./gestures.js";
import { onThemeChange } from "./theme.js";

const REACH_PX = { mouse: 12, pen: 16, touch: 26 };
const STEP = 0.12; // of the picture, for one arrow key
const ZOOM = 1.35;
const MOST_ZOOM = 400;
const MARGIN = 1.15;
const SMALL = 2.6; // radius in px up to which a square passes for a disc
const DIM = 0.16;

/** From where to where nearly all points lie; outliers don't decide what is seen first. */
function extent(values) {
  const sorted = Float32Array.from(values).sort();
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return [at(0.01), at(0.99)];
}

export class Scatter {
  #x = new Float32Array(0);
  #y = new Float32Array(0);
  #codes = new Int16Array(0); // number of each point's colour
  #order = new Uint32Array(0); // rows in the order of their colours
  #colours = ["#888"];
  #hidden = new Set();
  #lit = null; // rows that stand out, or null for all
  #rings = new Set(); // rows drawn as rings: placed later
  #lines = [];
  #selected = -1;
  #hovered = -1;
  #view = { x: 0, y: 0, zoom: 1 };
  #fit = { x: 0, y: 0, scale: 1 };
  #asked = false;
  onTheme = () => {}; // called when light turns to dark or back

  /** `onPick(row)` on a click or Enter, `onHover(row, [x, y])` with -1 for none, `onView()` when the view has moved. */
  constructor(root, { onPick, onHover, onView }) {
    const { signal } = new AbortController(); // all that listens goes with the root
    this.root = root;
    this.canvas = root.querySelector("canvas");
    this.onPick = onPick;
    this.onHover = onHover;
    this.onView = onView;
    new ResizeObserver(() => this.#resize()).observe(root);
    onThemeChange(root, () => this.onTheme());
    const on = (name, act, options = {}) => root.addEventListener(name, act, { signal, ...options });
    this.gestures = new Gestures(root, this.canvas, signal, {
      onDrag: (dx, dy) => this.#drag(dx, dy),
      onPinch: (factor, at) => this.zoom(factor, at),
      onClick: (at, kind) => this.#pick(this.nearest(at, REACH_PX[kind] ?? REACH_PX.mouse)),
      onHover: (at) => this.#hover(at ? this.nearest(at, REACH_PX.mouse) : -1),
    });
    on("wheel", (event) => this.#wheel(event), { passive: false });
    on("keydown", (event) => this.#key(event));
  }

  /** Show points; `rings` are rows drawn as rings. */
  show(x, y, { rings = [], hidden = [] } = {}) {
    this.#x = Float32Array.from(x);
    this.#y = Float32Array.from(y);
    this.#rings = new Set(rings);
    this.#hidden = new Set(hidden);
    this.#lit = null;
    this.#lines = [];
    this.#selected = -1;
    this.#hovered = -1;
    this.#measure();
    this.paint(new Int16Array(x.length), this.#colours);
  }

  /** Give each row the colour of its code; where a code is -1 the last colour. */
  paint(codes, colours) {
    const last = colours.length - 1;
    this.#codes = Int16Array.from(codes, (code) => (code < 0 ? last : code));
    this.#order = Uint32Array.from(this.#codes.keys()).sort((one, two) => this.#codes[two] - this.#codes[one]);
    this.#colours = colours;
    this.draw();
  }

  /** Let only these rows stand out (null: all). */
  light(rows) {
    this.#lit = rows && new Set(rows);
    this.draw();
  }

  /** Mark a row, with lines to others; -1 for none. */
  select(row, to = []) {
    this.#selected = row;
    this.#lines = to;
    this.draw();
  }

  /** Where the picture is: its middle and how much nearer than the whole. */
  get view() {
    return { ...this.#view };
  }

  set view({ x, y, zoom }) {
    this.#view = { x, y, zoom: Math.min(MOST_ZOOM, Math.max(0.5, zoom)) };
    this.#moved();
  }

  /** See the whole. */
  whole() {
    this.view = { x: this.#fit.x, y: this.#fit.y, zoom: 1 };
  }

  /** Go `factor` nearer, towards a place of the screen (its middle by default). */
  zoom(factor, at = null) {
    const { width, height } = this.#size();
    const [px, py] = at ?? [width / 2, height / 2];
    const [x, y] = this.#world(px, py);
    const zoom = Math.min(MOST_ZOOM, Math.max(0.5, this.#view.zoom * factor));
    const scale = this.#fit.scale * zoom;
    this.view = { x: x - (px - width / 2) / scale, y: y + (py - height / 2) / scale, zoom };
  }

  /** Bring a row into the picture where it is outside. */
  reveal(row) {
    const { width, height } = this.#size();
    const [px, py] = this.#screen(row);
    if (px < 24 || py < 24 || px > width - 24 || py > height - 24) {
      this.view = { ...this.#view, x: this.#x[row], y: this.#y[row] };
    }
  }

  /** The row nearest to a place of the screen within `reach` pixels; -1 where there is none. */
  nearest([px, py], reach = Infinity) {
    let best = -1;
    let least = reach * reach;
    const [x, y] = this.#world(px, py);
    const square = (this.#fit.scale * this.#view.zoom) ** 2;
    for (let row = 0; row < this.#x.length; row += 1) {
      const distance = ((this.#x[row] - x) ** 2 + (this.#y[row] - y) ** 2) * square;
      if (distance <= least && !this.#hidden.has(row) && (!this.#lit || this.#lit.has(row))) {
        best = row;
        least = distance;
      }
    }
    return best;
  }

  /** The picture as it is now, as SVG. */
  svg() {
    const { width, height } = this.#size();
    const dots = [];
    for (const row of this.#order) {
      const [px, py] = this.#screen(row);
      if (this.#hidden.has(row) || px < 0 || py < 0 || px > width || py > height) continue;
      const colour = this.#colours[this.#codes[row]];
      dots.push(`<circle cx="${px.toFixed(1)}" cy="${py.toFixed(1)}" r="${this.#radius().toFixed(1)}" fill="${colour}"/>`);
    }
    const name = new DOMParser().parseFromString("<svg></svg>", "text/html").querySelector("svg").namespaceURI;
    return `<svg xmlns="${name}" viewBox="0 0 ${width} ${height}">${dots.join("")}</svg>`;
  }

  /** Draw in the next frame. */
  draw() {
    if (this.#asked) return;
    this.#asked = true;
    window.requestAnimationFrame(() => {
      this.#asked = false;
      this.#draw();
    });
  }

  #size() {
    return { width: this.root.clientWidth, height: this.root.clientHeight };
  }

  #resize() {
    const scale = window.devicePixelRatio || 1;
    const { width, height } = this.#size();
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.#measure();
    this.draw();
  }

  #measure() {
    if (!this.#x.length) return;
    const { width, height } = this.#size();
    const [left, right] = extent(this.#x);
    const [low, high] = extent(this.#y);
    const scale = Math.min(width / (right - left || 1), height / (high - low || 1)) / MARGIN;
    this.#fit = { x: (left + right) / 2, y: (low + high) / 2, scale };
  }

  #world(px, py) {
    const { width, height } = this.#size();
    const scale = this.#fit.scale * this.#view.zoom;
    return [this.#view.x + (px - width / 2) / scale, this.#view.y - (py - height / 2) / scale];
  }

  #screen(row) {
    const { width, height } = this.#size();
    const scale = this.#fit.scale * this.#view.zoom;
    return [width / 2 + (this.#x[row] - this.#view.x) * scale, height / 2 - (this.#y[row] - this.#view.y) * scale];
  }

  #radius() {
    const crowd = Math.min(3.4, Math.max(1.7, 130 / Math.sqrt(this.#x.length || 1)));
    return Math.min(8, crowd * this.#view.zoom ** 0.35);
  }

  #draw() {
    const { width, height } = this.#size();
    if (!width || !height) return;
    const context = this.canvas.getContext("2d");
    const ratio = this.canvas.width / width;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const style = getComputedStyle(this.root);
    const [ink, paper] = ["--ink", "--paper"].map((name) => style.getPropertyValue(name).trim());
    const radius = this.#radius();
    if (this.#lit) {
      context.globalAlpha = DIM;
      this.#dots(context, width, height, radius, (row) => !this.#lit.has(row));
      context.globalAlpha = 1;
      this.#dots(context, width, height, radius * 1.25, (row) => this.#lit.has(row));
    } else {
      context.globalAlpha = 0.82;
      this.#dots(context, width, height, radius, () => true);
      context.globalAlpha = 1;
    }
    this.#drawLines(context, ink);
    for (const row of [this.#hovered, this.#selected]) if (row >= 0) this.#mark(context, row, radius, ink, paper);
    this.root.dataset.drawn = this.#x.length;
  }

  #dots(context, width, height, radius, wanted) {
    const square = radius <= SMALL;
    const scale = this.#fit.scale * this.#view.zoom;
    const [left, top] = [width / 2 - this.#view.x * scale, height / 2 + this.#view.y * scale];
    let colour = -1;
    for (const row of this.#order) {
      const px = left + this.#x[row] * scale;
      const py = top - this.#y[row] * scale;
      if (px < -radius || py < -radius || px > width + radius || py > height + radius) continue;
      if (this.#hidden.has(row) || !wanted(row)) continue;
      if (this.#codes[row] !== colour) {
        colour = this.#codes[row];
        context.fillStyle = context.strokeStyle = this.#colours[colour];
      }
      if (this.#rings.has(row)) {
        context.lineWidth = 1.6;
        context.beginPath();
        context.arc(px, py, radius + 2, 0, 2 * Math.PI);
        context.stroke();
      } else if (square) context.fillRect(px - radius, py - radius, 2 * radius, 2 * radius);
      else {
        context.beginPath();
        context.arc(px, py, radius, 0, 2 * Math.PI);
        context.fill();
      }
    }
  }

  #drawLines(context, ink) {
    if (this.#selected < 0) return;
    context.strokeStyle = ink;
    context.lineWidth = 1.4;
    for (const row of this.#lines) {
      context.beginPath();
      context.moveTo(...this.#screen(this.#selected));
      context.lineTo(...this.#screen(row));
      context.stroke();
      context.beginPath();
      context.arc(...this.#screen(row), 6, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  #mark(context, row, radius, ink, paper) {
    context.beginPath();
    context.arc(...this.#screen(row), radius + 4, 0, 2 * Math.PI);
    context.fillStyle = this.#colours[this.#codes[row]];
    context.fill();
    context.lineWidth = 2.5;
    context.strokeStyle = row === this.#selected ? ink : paper;
    context.stroke();
  }

  #moved() {
    this.draw();
    this.onView();
  }

  #drag(dx, dy) {
    const scale = this.#fit.scale * this.#view.zoom;
    this.view = { ...this.#view, x: this.#view.x - dx / scale, y: this.#view.y + dy / scale };
  }

  #pick(row) {
    if (row >= 0) this.onPick(row);
  }

  #hover(row) {
    if (row === this.#hovered) return;
    this.#hovered = row;
    this.onHover(row, row >= 0 ? this.#screen(row) : [0, 0]);
    this.draw();
  }

  #wheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), this.gestures.place(event));
  }

  #key(event) {
    if (event.target !== this.root || event.ctrlKey || event.metaKey || event.altKey) return;
    const { width, height } = this.#size();
    const step = (STEP * Math.min(width, height)) / (this.#fit.scale * this.#view.zoom);
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (event.key in ways) {
      const [x, y] = ways[event.key];
      this.view = { ...this.#view, x: this.#view.x + x * step, y: this.#view.y + y * step };
      this.#hover(this.nearest([width / 2, height / 2]));
    } else if (event.key === "+" || event.key === "=") this.zoom(ZOOM);
    else if (event.key === "-") this.zoom(1 / ZOOM);
    else if (event.key === "0") this.whole();
    else if (event.key === "Enter" || event.key === " ") {
      this.#pick(this.nearest([width / 2, height / 2]));
    } else return;
    event.preventDefault();
  }
}
