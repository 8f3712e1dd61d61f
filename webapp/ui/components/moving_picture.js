// @ts-check
// A picture that moves with music: where between two key frames it is follows from what leaves the loudspeaker now.

import { audio } from "./shared/api.js";
import { dress } from "./shared/dress.js";
import { isOurs, standsOnButton } from "./shared/keys.js";
import { whileOn } from "./shared/lifetime.js";
import { SOUNDS, decode } from "./shared/player.js";
import { clock } from "./shared/sound_clock.js";
import { Stage } from "./shared/stage.js";

const CALM = window.matchMedia("(prefers-reduced-motion: reduce)");
const SORRY = "The piece could not be loaded; nothing is lost. Choose it again.";

/**
 * @typedef {{title: string, sheet: string, columns: number, side: number, times_s: number[], audio?: {url: string}, audio_url: string, notes: any[], seconds: number, play?: boolean}} Shown
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

class MovingPicture {
  /** @type {Shown | null} */
  #shown = null;
  /** @type {HTMLImageElement | null} */
  #sheet = null;
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
    this.stage.clear();
    this.root.hidden = !shown;
    this.said.textContent = "";
    if (!shown) return;
    this.caption.textContent = shown.title;
    this.canvas.setAttribute("aria-label", `Pictures that move with ${shown.title}`);
    this.pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    try {
      const sheet = await loaded(shown.sheet);
      if (shown !== this.#shown) return;
      this.#sheet = sheet;
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
    const [shown, sheet] = [this.#shown, this.#sheet];
    if (!shown || !sheet) return;
    const place = CALM.matches ? 0 : placeOf(shown.times_s, this.stage.player.position("a"));
    const one = Math.floor(place);
    this.#put(sheet, shown, one, 1);
    if (place > one) this.#put(sheet, shown, one + 1, place - one);
    this.canvas.dataset.place = place.toFixed(2);
  }

  /**
   * @param {HTMLImageElement} sheet
   * @param {Shown} shown
   * @param {number} number
   * @param {number} opacity
   */
  #put(sheet, { columns, side }, number, opacity) {
    const [left, top] = [(number % columns) * side, Math.floor(number / columns) * side];
    this.pen.imageSmoothingQuality = "high";
    this.pen.globalAlpha = opacity;
    // half a pixel less on each side: what stands beside it on the sheet must not shine in
    this.pen.drawImage(sheet, left + 0.5, top + 0.5, side - 1, side - 1, 0, 0, this.canvas.width, this.canvas.height);
  }
}

/**
 * An image whose pixels are there.
 * @param {string} address
 */
async function loaded(address) {
  const image = new Image();
  image.src = address;
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
