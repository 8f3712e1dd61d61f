// @ts-check
// A drawing that moves with music: where between two moments it is follows from what leaves the loudspeaker now.

import { audio } from "./shared/api.js";
import { dress } from "./shared/dress.js";
import { isOurs, standsOnButton } from "./shared/keys.js";
import { whileOn } from "./shared/lifetime.js";
import { SOUNDS, decode } from "./shared/player.js";
import { clock } from "./shared/sound_clock.js";
import { Stage } from "./shared/stage.js";
import { GRID, VectorDrawing, coloursOf, css, meanOf, mixed } from "./shared/vector_drawing.js";

const CALM = window.matchMedia("(prefers-reduced-motion: reduce)");
const SORRY = "The piece could not be loaded; nothing is lost. Choose it again.";

const [DETAIL, PULSE, PULSE_S] = [0.3, 0.03, 0.18]; // as in models/picture/moving.py

/**
 * How a subject looks at one time. `colours` has eight digits a colour, the last of which is the paper's.
 * @typedef {{subject: number, colours: string, line: number, size: number}} Moment
 * @typedef {{title: string, subjects: import("./shared/vector_drawing.js").Subject[], moments: Moment[], times_s: number[], audio?: {url: string}, audio_url: string, notes: any[], seconds: number, play?: boolean}} Shown
 * @typedef {VectorDrawing | HTMLImageElement} Drawn
 */

/**
 * Where in rising `times` a moment lies: 2.5 is half way from the third to the fourth.
 * @param {number[]} times
 * @param {number} moment
 */
export function placeOf(times, moment) {
  const next = times.findIndex((time) => time > moment);
  if (next === 0) return 0;
  if (next < 0) return times.length - 1;
  return next - 1 + (moment - times[next - 1]) / (times[next] - times[next - 1]);
}

/**
 * By how much larger the picture is for the notes that have just begun.
 * @param {[start: number, length: number, pitch: number, velocity: number][]} notes
 * @param {number} moment
 */
function pulse(notes, moment) {
  let most = 0;
  for (const [start, , , velocity] of notes) {
    const since = moment - start;
    if (since >= 0 && since < 5 * PULSE_S) most = Math.max(most, (velocity / 127) * Math.exp(-since / PULSE_S));
  }
  return PULSE * most;
}

class MovingPicture {
  /** @type {Shown | null} */
  #shown = null;
  /** @type {Drawn[]} */
  #subjects = [];
  /** @type {import("./shared/vector_drawing.js").Colours[]} */
  #colours = []; // of each moment
  #running = false;

  /**
   * @param {HTMLElement} root
   * @param {import("./shared/types.d.ts").GradioComponent} component
   */
  constructor(root, { props }) {
    this.root = root;
    this.props = props;
    this.stage = new Stage(root);
    this.canvas = /** @type {HTMLCanvasElement} */ (root.querySelector(".k-canvas canvas"));
    this.pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.caption = /** @type {HTMLElement} */ (root.querySelector("figcaption"));
    this.said = /** @type {HTMLElement} */ (root.querySelector(".k-said"));
    this.stage.player.addEventListener("change", () => this.#run());
    const full = /** @type {HTMLButtonElement} */ (root.querySelector("[data-testid=full-screen]"));
    full.hidden = !this.canvas.requestFullscreen;
    full.addEventListener("click", () => this.canvas.requestFullscreen());
    this.canvas.addEventListener("click", () => this.stage.tap());
    whileOn(root, CALM, "change", () => this.#run());
    whileOn(root, document, SOUNDS, (event) => event.detail === this || this.stage.player.pause());
    whileOn(root, document, "keydown", (event) => this.#key(event));
    // a piece may be chosen by a tap elsewhere on the page, which is what allows it to sound by itself
    for (const name of ["click", "keydown"]) whileOn(root, document, name, () => this.stage.player.unlock());
  }

  /** Show what Python has set. */
  async show() {
    const shown = /** @type {Shown | null} */ (this.props.value);
    if (JSON.stringify(shown) === JSON.stringify(this.#shown)) return;
    this.#shown = shown;
    this.#subjects = []; // what is drawn until the new ones are there would be of two pieces
    this.stage.clear();
    this.root.hidden = !shown;
    this.said.textContent = "";
    if (!shown) return;
    this.caption.textContent = shown.title;
    this.canvas.setAttribute("aria-label", `Pictures that move with ${shown.title}`);
    this.pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    try {
      const subjects = await Promise.all(shown.subjects.map((each) => (each.image ? loaded(each.image) : new VectorDrawing(each))));
      if (shown !== this.#shown) return;
      this.#subjects = subjects;
      this.#colours = shown.moments.map(({ colours }) => coloursOf(colours));
      this.#draw(); // seen before its sound has come
      if (shown.play) this.root.scrollIntoView({ block: "nearest" });
      const buffer = await decode(await audio(shown.audio?.url ?? shown.audio_url));
      if (shown !== this.#shown) return;
      this.stage.started = Boolean(shown.play);
      const { notes, seconds } = shown;
      this.stage.show(/** @type {any} */ ({ offerId: "", clips: { a: { buffer, notes, seconds } } }));
    } catch {
      if (shown === this.#shown) this.said.textContent = SORRY;
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== " " || !this.stage.pair || !isOurs(event) || standsOnButton(event.target)) return;
    event.preventDefault();
    this.stage.tap();
  }

  /** Draw, and go on drawing for as long as it sounds. */
  #run() {
    if (this.#running) return;
    if (this.stage.player.playing !== null) document.dispatchEvent(new CustomEvent(SOUNDS, { detail: this }));
    const step = () => {
      this.#running = this.stage.player.playing !== null && this.root.isConnected;
      this.#draw();
      if (this.#running) clock.frame(step);
    };
    this.#running = true;
    step();
  }

  #draw() {
    const shown = this.#shown;
    if (!shown || !this.#subjects.length) return;
    const [still, now] = [CALM.matches, this.stage.player.position("a")];
    const place = still ? 0 : placeOf(shown.times_s, now);
    this.canvas.dataset.place = place.toFixed(2);
    const number = Math.floor(place);
    const next = Math.min(number + 1, shown.moments.length - 1);
    const [one, other, share] = [shown.moments[number], shown.moments[next], place - number];
    const size = one.size + share * (other.size - one.size) + (still ? 0 : pulse(shown.notes, now));
    const [first, last] = [this.#colours[number], this.#colours[next]];
    if (this.#subjects[one.subject] instanceof HTMLImageElement) return this.#show(one, other, share, mixed(first, last, share));
    this.#paper(mixed(first.subarray(-4), last.subarray(-4), share), size);
    if (one.subject === other.subject) {
      const line = one.line + share * (other.line - one.line);
      this.#drawing(one).draw(this.pen, mixed(first, last, share), line);
    } else this.#change(one, first, other, last, share * share * (3 - 2 * share));
  }

  /** @param {Moment} moment */
  #drawing({ subject }) {
    return /** @type {VectorDrawing} */ (this.#subjects[subject]);
  }

  /**
   * Clear the canvas; what follows is drawn in units of the grid, around its middle.
   * @param {number[] | Float32Array} paper
   * @param {number} size
   */
  #paper(paper, size) {
    const { width } = this.canvas;
    this.pen.setTransform(1, 0, 0, 1, 0, 0);
    this.pen.globalAlpha = 1;
    this.pen.fillStyle = css(paper);
    this.pen.fillRect(0, 0, width, width);
    const scale = (width / GRID) * size;
    this.pen.setTransform(scale, 0, 0, scale, ((1 - size) * width) / 2, ((1 - size) * width) / 2);
  }

  /**
   * One drawing becomes another: the largest outlines become each other, what lies within fades out and in.
   * @param {Moment} one
   * @param {import("./shared/vector_drawing.js").Colours} first
   * @param {Moment} other
   * @param {import("./shared/vector_drawing.js").Colours} last
   * @param {number} share
   */
  #change(one, first, other, last, share) {
    const [before, after] = [this.#drawing(one), this.#drawing(other)];
    const count = Math.max(before.outlined.length, after.outlined.length);
    for (let number = 0; number < count; number += 1) {
      const [from, to] = [before.outlined[number], after.outlined[number]];
      const [start, end] = [before.rings[number], after.rings[number]];
      const ring = start && end ? mixed(start, end, share) : (start ?? end);
      const colours = [];
      if (from) colours.push(meanOf(first, before.subject.paints[from.fill ?? 0]));
      if (to) colours.push(meanOf(last, after.subject.paints[to.fill ?? 0]));
      const goal = colours[colours.length - 1];
      this.pen.fillStyle = css(colours[0].map((value, part) => value + share * (goal[part] - value)));
      this.pen.fill(ringPath(ring, from && to ? 1 : from ? 1 - share : share));
    }
    for (const [drawing, colours, line, alpha] of /** @type {[VectorDrawing, any, number, number][]} */ ([
      [before, first, one.line, 1 - share / DETAIL],
      [after, last, other.line, (share - 1) / DETAIL + 1],
    ])) {
      if (alpha <= 0) continue;
      this.pen.globalAlpha = alpha;
      drawing.draw(this.pen, colours, line);
    }
    this.pen.globalAlpha = 1;
  }

  /**
   * Pictures of one's own as they are, in soft light of a colour; one fades into the other.
   * @param {Moment} one
   * @param {Moment} other
   * @param {number} share
   * @param {import("./shared/vector_drawing.js").Colours} colours
   */
  #show(one, other, share, colours) {
    const { width } = this.canvas;
    this.pen.setTransform(1, 0, 0, 1, 0, 0);
    for (const [{ subject }, alpha] of /** @type {[Moment, number][]} */ ([
      [one, 1],
      [other, share],
    ])) {
      this.pen.globalAlpha = alpha;
      this.pen.drawImage(/** @type {HTMLImageElement} */ (this.#subjects[subject]), 0, 0, width, width);
    }
    this.pen.globalAlpha = 1;
    this.pen.globalCompositeOperation = "soft-light";
    this.pen.fillStyle = css(colours);
    this.pen.fillRect(0, 0, width, width);
    this.pen.globalCompositeOperation = "source-over";
  }
}

/**
 * A closed path through points, as large around their middle as `size` says.
 * @param {Float32Array} ring x and y in turn
 * @param {number} size
 */
function ringPath(ring, size) {
  let [x, y] = [0, 0];
  for (let place = 0; place < ring.length; place += 2) [x, y] = [x + ring[place], y + ring[place + 1]];
  [x, y] = [(2 * x) / ring.length, (2 * y) / ring.length];
  const path = new Path2D();
  for (let place = 0; place < ring.length; place += 2) path.lineTo(x + size * (ring[place] - x), y + size * (ring[place + 1] - y));
  path.closePath();
  return path;
}

/**
 * An image whose pixels are there.
 * @param {string} png in base64
 */
async function loaded(png) {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  return image;
}

/** @param {import("./shared/types.d.ts").GradioComponent} component */
export async function start(component) {
  const root = /** @type {HTMLElement} */ (component.element.querySelector(".k-moving"));
  const picture = new MovingPicture(root, component);
  component.watch("value", () => picture.show());
  await dress(component.element, import.meta.url, "shared/clip.css", "moving_picture.css");
  await picture.show();
}
