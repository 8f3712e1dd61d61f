// Many points on a canvas that can be moved, zoomed and pointed at, by mouse, touch and keyboard. It knows colours by
// number and points by row, and nothing of what they mean.

import { Camera } from "./camera.js";
import { Gestures } from "./gestures.js";
import { onThemeChange } from "./theme.js";

const REACH_PX = { mouse: 12, pen: 16, touch: 26 };
const STEP = 0.12; // of the picture, for one arrow key
const ZOOM = 1.35;
const SMALL = 2.6; // radius in px up to which a square passes for a disc
const DIM = 0.16;

export class Scatter {
  #x = new Float32Array(0);
  #y = new Float32Array(0);
  #codes = new Int16Array(0); // number of each point's colour
  #order = new Uint32Array(0); // rows by colour: those without one, then the commonest; the rarest lie on top
  #colours = ["#888"];
  #hidden = new Set();
  #lit = null; // rows that stand out, or null for all
  #marked = new Set(); // rows with a circle around them
  #rings = new Set(); // rows drawn as rings: placed later
  #islands = [];
  #lines = [];
  #crossed = false; // whether lines go through zero
  #selected = -1;
  #hovered = -1;
  #asked = false;
  onTheme = () => {}; // called when light turns to dark or back
  onDrawn = () => {}; // called when a frame has been drawn

  /** `onPick(row)` on a click or Enter, `onHover(row, [x, y])` with -1 for none, `onView()` when the view has moved. */
  constructor(root, { onPick, onHover, onView }) {
    const { signal } = new AbortController(); // all that listens goes with the root
    this.root = root;
    this.camera = new Camera(root);
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

  /**
   * Show points; `rings` are rows drawn as rings, `islands` boxes of what hangs together, the largest first. Where it is
   * `crossed`, thin lines go through zero.
   * @param {number[]} x
   * @param {number[]} y
   * @param {{rings?: number[], hidden?: number[], islands?: import("./main_part.js").Box[], crossed?: boolean}} more
   */
  show(x, y, { rings = [], hidden = [], islands = [], crossed = false } = {}) {
    this.root.dataset.drawn = 0; // what was drawn before is none of these; a hidden map isn't drawn at all
    this.#x = Float32Array.from(x);
    this.#y = Float32Array.from(y);
    this.#rings = new Set(rings);
    this.#hidden = new Set(hidden);
    this.#islands = islands;
    this.#crossed = crossed;
    this.#lit = null;
    this.#marked = new Set();
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
    const counts = new Uint32Array(colours.length);
    for (const code of this.#codes) counts[code] += 1;
    const fromBelow = [...counts.keys()].sort((one, two) => (two === last) - (one === last) || counts[two] - counts[one]);
    const height = Int16Array.from(colours.keys(), (code) => fromBelow.indexOf(code));
    this.#order = Uint32Array.from(this.#codes.keys()).sort((one, two) => height[this.#codes[one]] - height[this.#codes[two]]);
    this.#colours = colours;
    this.draw();
  }

  /** Let only these rows stand out (null: all), `marked` ones with a circle around them. */
  light(rows, marked = []) {
    this.#lit = rows && new Set(rows);
    this.#marked = new Set(marked);
    this.draw();
  }

  /** Mark a row, with lines to others; -1 for none. */
  select(row, to = []) {
    this.#selected = row;
    this.#lines = to;
    this.draw();
  }

  /** Where the picture is: its middle and how much nearer than the main part. */
  get view() {
    return this.camera.view;
  }

  set view(view) {
    this.camera.view = view;
    this.draw();
    this.onView();
  }

  /** See the main part. */
  home() {
    this.view = this.camera.main;
  }

  /** See every point. */
  whole() {
    this.view = this.camera.whole;
  }

  /** Go `factor` nearer, towards a place of the screen (its middle by default). */
  zoom(factor, at = this.#middle) {
    this.view = this.camera.nearer(factor, at);
  }

  /** Bring a row into the picture where it is outside. */
  reveal(row) {
    const { width, height } = this.camera;
    const [px, py] = this.#screen(row);
    if (px < 24 || py < 24 || px > width - 24 || py > height - 24) {
      this.view = { ...this.view, x: this.#x[row], y: this.#y[row] };
    }
  }

  /** The row nearest to a place of the screen within `reach` pixels; -1 where there is none. */
  nearest([px, py], reach = Infinity) {
    let best = -1;
    let least = reach * reach;
    const [x, y] = this.camera.place(px, py);
    const square = this.camera.scale ** 2;
    for (let row = 0; row < this.#x.length; row += 1) {
      const distance = ((this.#x[row] - x) ** 2 + (this.#y[row] - y) ** 2) * square;
      if (distance <= least && !this.#hidden.has(row) && (!this.#lit || this.#lit.has(row))) {
        best = row;
        least = distance;
      }
    }
    return best;
  }

  /** Rows whose places on the screen pass a test, of those that stand out. */
  rowsWithin(passes) {
    const rows = [...this.#x.keys()].filter((row) => !this.#hidden.has(row) && (!this.#lit || this.#lit.has(row)));
    return rows.filter((row) => passes(...this.#screen(row)));
  }

  /** Every point in the picture, last what lies on top: its pixel, its colour's number, and how it is drawn. */
  get dots() {
    const { width, height } = this.camera;
    const rows = [...this.#order].filter((row) => !this.#hidden.has(row));
    const dots = rows.map((row) => {
      const [x, y] = this.#screen(row);
      const lit = !this.#lit || this.#lit.has(row);
      return { x, y, code: this.#codes[row], ring: this.#rings.has(row), lit, marked: this.#marked.has(row), radius: this.#radius() };
    });
    return dots.filter(({ x, y }) => x >= 0 && y >= 0 && x <= width && y <= height);
  }

  /** The pixel where lines through zero cross; null where there are none. */
  get cross() {
    return this.#crossed ? this.camera.pixel(0, 0) : null;
  }

  /** How many cells of the screen, `cell` pixels wide, hold points within a box of pixels. */
  crowd(cell) {
    const { width, height } = this.camera;
    const [across, down] = [Math.ceil(width / cell), Math.ceil(height / cell)];
    const held = new Uint8Array(across * down);
    for (let row = 0; row < this.#x.length; row += 1) {
      if (this.#hidden.has(row)) continue;
      const [x, y] = this.#screen(row);
      if (x >= 0 && y >= 0 && x < width && y < height) held[Math.floor(y / cell) * across + Math.floor(x / cell)] = 1;
    }
    return (left, top, right, bottom) => {
      let count = 0;
      for (let y = Math.max(0, Math.floor(top / cell)); y < Math.min(down, bottom / cell); y += 1)
        for (let x = Math.max(0, Math.floor(left / cell)); x < Math.min(across, right / cell); x += 1) count += held[y * across + x];
      return count;
    };
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

  get #middle() {
    return [this.camera.width / 2, this.camera.height / 2];
  }

  #resize() {
    const scale = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.camera.width * scale);
    this.canvas.height = Math.round(this.camera.height * scale);
    this.#measure();
    this.draw();
  }

  #measure() {
    if (this.#x.length && this.camera.width) this.camera.measure(this.#x, this.#y, this.#islands);
  }

  #screen(row) {
    return this.camera.pixel(this.#x[row], this.#y[row]);
  }

  #radius() {
    const crowd = Math.min(3.4, Math.max(1.7, 130 / Math.sqrt(this.#x.length || 1)));
    return Math.min(8, crowd * this.view.zoom ** 0.35);
  }

  #draw() {
    const { width, height } = this.camera;
    if (!width || !height) return;
    const context = this.canvas.getContext("2d");
    const ratio = this.canvas.width / width;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const style = getComputedStyle(this.root);
    const [ink, paper, line] = ["--ink", "--paper", "--line"].map((name) => style.getPropertyValue(name).trim());
    const radius = this.#radius();
    if (this.cross) {
      const [x, y] = this.cross;
      context.fillStyle = line;
      context.fillRect(x - 0.5, 0, 1, height);
      context.fillRect(0, y - 0.5, width, 1);
    }
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
    this.#circle(context, this.#marked, radius + 3, ink);
    this.#drawLines(context, ink);
    for (const row of [this.#hovered, this.#selected]) if (row >= 0) this.#mark(context, row, radius, ink, paper);
    this.root.dataset.drawn = this.#x.length;
    this.onDrawn();
  }

  #circle(context, rows, radius, ink) {
    context.strokeStyle = ink;
    context.lineWidth = 1.4;
    for (const row of rows) {
      context.beginPath();
      context.arc(...this.#screen(row), radius, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  #dots(context, width, height, radius, wanted) {
    const square = radius <= SMALL;
    const { scale } = this.camera;
    const [left, top] = this.camera.pixel(0, 0);
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
    }
    this.#circle(context, this.#lines, 6, ink);
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

  #drag(dx, dy) {
    this.view = this.camera.moved(dx, dy);
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
    const { width, height } = this.camera;
    const step = STEP * Math.min(width, height);
    const ways = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (event.key in ways) {
      const [x, y] = ways[event.key];
      this.#drag(x * step, y * step);
      this.#hover(this.nearest(this.#middle));
    } else if (event.key === "+" || event.key === "=") this.zoom(ZOOM);
    else if (event.key === "-") this.zoom(1 / ZOOM);
    else if (event.key === "0") this.whole();
    else if (event.key === "Home") this.home();
    else if (event.key === "Enter" || event.key === " ") {
      this.#pick(this.nearest(this.#middle));
    } else return;
    event.preventDefault();
  }
}
