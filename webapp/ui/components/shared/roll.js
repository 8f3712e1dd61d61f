// @ts-check
// A piano roll on a canvas: the notes of one clip, those already played lit, those sounding lit brighter, and a cursor.
// It is also a slider: a click or the arrow keys move through the clip.

/** @typedef {import("./types.js").Note} Note */
/** @typedef {CanvasRenderingContext2D} Context */
/** @typedef {{width: number, height: number, scale: number, colours: Record<string, string>, still: HTMLCanvasElement, lit: HTMLCanvasElement}} Layers */

const BLACK = new Set([1, 3, 6, 8, 10]);
const LEAST_RANGE = 30; // semitones shown at least, so that a tune of five notes is not blown up

/**
 * The pitches to show for several clips together, so that high and low can be compared between them.
 * @param {Note[][]} clips
 * @returns {[number, number]}
 */
export function pitchRange(clips) {
  const pitches = clips.flatMap((notes) => notes.map((note) => note[2]));
  if (!pitches.length) return [48, 84];
  let low = Math.min(...pitches) - 2;
  let high = Math.max(...pitches) + 2;
  const missing = Math.max(0, LEAST_RANGE - (high - low));
  low -= Math.floor(missing / 2);
  high += Math.ceil(missing / 2);
  return [low, high];
}

const pen = (/** @type {HTMLCanvasElement} */ canvas) => /** @type {Context} */ (canvas.getContext("2d"));

export class Roll {
  /** @type {Note[]} */
  #notes = [];
  #seconds = 0;
  /** @type {[number, number]} */
  #range = [48, 84];
  /** @type {Layers | null} */
  #layers = null;
  #seen = { position: 0, active: false };

  /**
   * @param {HTMLElement} slider holds a canvas
   * @param {(seconds: number) => void} onSeek called when the listener points somewhere
   */
  constructor(slider, onSeek) {
    this.slider = slider;
    this.canvas = /** @type {HTMLCanvasElement} */ (slider.querySelector("canvas"));
    this.onSeek = onSeek;
    slider.addEventListener("pointerdown", (event) => this.#point(event));
    slider.addEventListener("pointermove", (event) => event.buttons === 1 && this.#point(event));
    slider.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.repaint()).observe(slider);
  }

  /**
   * Show notes over `seconds`.
   * @param {Note[]} notes
   * @param {number} seconds
   * @param {[number, number]} range
   */
  show(notes, seconds, range = pitchRange([notes])) {
    this.#notes = notes;
    this.#seconds = seconds;
    this.#range = range;
    this.slider.setAttribute("aria-valuemax", seconds.toFixed(0));
    this.draw(0, false);
    this.repaint();
  }

  /** The second last drawn, and whether as sounding. */
  get seen() {
    return this.#seen;
  }

  /** Colours or size have changed. */
  repaint() {
    this.#layers = null;
    this.draw(this.#seen.position, this.#seen.active);
  }

  /**
   * Draw at a position; `active` where this clip is the one that sounds.
   * @param {number} position
   * @param {boolean} active
   */
  draw(position, active) {
    this.#seen = { position, active };
    const second = position.toFixed(0);
    if (this.slider.getAttribute("aria-valuenow") !== second) {
      this.slider.setAttribute("aria-valuenow", second);
      this.slider.setAttribute("aria-valuetext", `second ${second} of ${this.#seconds.toFixed(0)}`);
    }
    this.#layers ??= this.#paintLayers();
    if (!this.#layers) return;
    const { width, height, still, lit, colours, scale } = this.#layers;
    const context = pen(this.canvas);
    const x = this.#seconds ? (position / this.#seconds) * width : 0;
    context.clearRect(0, 0, width, height);
    context.drawImage(still, 0, 0);
    if (x > 0) {
      context.save();
      context.beginPath();
      context.rect(0, 0, x, height);
      context.clip();
      context.clearRect(0, 0, x, height);
      context.drawImage(lit, 0, 0);
      context.restore();
    }
    if (active) {
      context.fillStyle = colours.felt;
      for (const note of this.#notes) {
        if (note[0] <= position && position < note[0] + note[1]) this.#note(context, note, width, height, scale);
      }
    }
    if (x > 0 || active) {
      context.fillStyle = colours.felt;
      context.fillRect(Math.min(x, width - 1.5 * scale), 0, 1.5 * scale, height);
    }
  }

  #paintLayers() {
    const scale = window.devicePixelRatio || 1;
    const width = Math.round(this.slider.clientWidth * scale);
    const height = Math.round(this.slider.clientHeight * scale);
    if (!width || !height) return null;
    this.canvas.width = width;
    this.canvas.height = height;
    const style = getComputedStyle(this.slider);
    const colours = Object.fromEntries(
      ["ink", "felt", "lane"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
    );
    const paint = (/** @type {string} */ colour) => {
      const canvas = document.createElement("canvas");
      canvas.width = width;
      canvas.height = height;
      const context = pen(canvas);
      this.#lanes(context, width, height, colours.lane);
      context.fillStyle = colour;
      for (const note of this.#notes) {
        context.globalAlpha = 0.35 + 0.6 * Math.min(1, Math.max(0, (note[3] - 30) / 80));
        this.#note(context, note, width, height, scale);
      }
      return canvas;
    };
    return { width, height, scale, colours, still: paint(colours.ink), lit: paint(colours.felt) };
  }

  /**
   * The keyboard's black keys as faint lanes.
   * @param {Context} context
   * @param {number} width
   * @param {number} height
   * @param {string} colour
   */
  #lanes(context, width, height, colour) {
    const [low, high] = this.#range;
    const row = height / (high - low);
    context.fillStyle = colour;
    for (let pitch = Math.ceil(low); pitch < high; pitch += 1) {
      if (BLACK.has(pitch % 12)) context.fillRect(0, height - (pitch - low + 0.5) * row, width, row);
    }
  }

  /**
   * @param {Context} context
   * @param {Note} note
   * @param {number} width
   * @param {number} height
   * @param {number} scale
   */
  #note(context, [start, duration, pitch], width, height, scale) {
    const [low, high] = this.#range;
    const row = height / (high - low);
    const thick = Math.max(3.5 * scale, row * 0.82);
    const x = (start / this.#seconds) * width;
    const long = Math.max(thick * 0.6, (duration / this.#seconds) * width - scale);
    context.beginPath();
    context.roundRect(x, height - (pitch - low) * row - thick / 2, long, thick, Math.min(thick, long) / 2.4);
    context.fill();
  }

  /** @param {PointerEvent} event */
  #point(event) {
    const box = this.slider.getBoundingClientRect();
    this.onSeek(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * this.#seconds);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    /** @type {Record<string, number>} */
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };
    const { position } = this.#seen;
    let target = null;
    if (event.key in steps) target = position + steps[event.key];
    else if (event.key === "Home") target = 0;
    else if (event.key === "End") target = this.#seconds;
    if (target === null) return;
    event.preventDefault();
    this.onSeek(Math.min(this.#seconds, Math.max(0, target)));
  }
}
