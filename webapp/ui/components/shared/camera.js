// @ts-check
// Which part of a map is in the picture: where its middle lies, how near it is, and which place is which pixel.

import { boxOf, mainPart, scaleOf } from "./main_part.js";

/** @typedef {import("./main_part.js").Box} Box */

const FARTHEST = 0.5; // of the main part's size, or where every point is seen
const NEAREST = 400;
const MARGIN = 1.15;
const OUTLIERS = 0.01; // share of the values at either end that don't decide what is seen first
const REGION = 0.7; // of the picture that a box takes when one goes there
const NEAREST_BOX = 50;
const NARROW_PX = 620; // of a phone, where buttons along the right would stand over the points
const BUTTONS_PX = 52;

export class Camera {
  #main = { x: 0, y: 0, scale: 1 }; // pixels a unit where the main part just fits
  #all = { x: 0, y: 0, zoom: 1 }; // in which every point is seen
  #view = { x: 0, y: 0, zoom: 1 };

  /** @param {HTMLElement} room that holds the picture */
  constructor(room) {
    this.room = room;
  }

  get width() {
    return this.room.clientWidth;
  }

  get height() {
    return this.room.clientHeight;
  }

  /** Pixels a unit of the map. */
  get scale() {
    return this.#main.scale * this.#view.zoom;
  }

  /** Its middle and how much nearer than the main part. */
  get view() {
    return { ...this.#view };
  }

  set view({ x, y, zoom }) {
    this.#view = { x, y, zoom: this.#bounded(zoom) };
  }

  /** The view of the main part. */
  get main() {
    return { x: this.#main.x, y: this.#main.y, zoom: 1 };
  }

  /** The view of every point. */
  get whole() {
    return { ...this.#all };
  }

  /**
   * Learn where points are, and `islands`: boxes of what hangs together, the largest first, where they are known.
   * @param {ArrayLike<number>} x
   * @param {ArrayLike<number>} y
   * @param {Box[]} islands
   */
  measure(x, y, islands) {
    const buttons = this.width < NARROW_PX ? BUTTONS_PX : 0;
    const [width, height] = [this.width - buttons, this.height];
    const { main: before, view } = this;
    const main = mainPart(islands.length ? islands : [boxOf(x, y, OUTLIERS)], width, height);
    const all = boxOf(x, y, 0);
    const middle = (/** @type {Box} */ { left, right, low, high }) => ({ x: (left + right) / 2, y: (low + high) / 2 });
    const scale = scaleOf(main, width, height) / MARGIN;
    const zoom = Math.min(1, scaleOf(all, width, height) / MARGIN / scale);
    const beside = (/** @type {{x: number, y: number}} */ { x, y }, /** @type {number} */ aside) => ({ x: x + aside, y });
    this.#main = { ...beside(middle(main), buttons / 2 / scale), scale };
    this.#all = { ...beside(middle(all), buttons / 2 / (scale * zoom)), zoom };
    if (view.x === before.x && view.y === before.y && view.zoom === 1) this.#view = this.main; // as before, in another room
  }

  /** @param {number} zoom */
  #bounded(zoom) {
    return Math.min(NEAREST, Math.max(Math.min(FARTHEST, this.#all.zoom), zoom));
  }

  /**
   * The pixel of a place of the map.
   * @param {number} x
   * @param {number} y
   * @returns {[number, number]}
   */
  pixel(x, y) {
    return [this.width / 2 + (x - this.#view.x) * this.scale, this.height / 2 - (y - this.#view.y) * this.scale];
  }

  /**
   * The place of the map at a pixel.
   * @param {number} px
   * @param {number} py
   * @returns {[number, number]}
   */
  place(px, py) {
    return [this.#view.x + (px - this.width / 2) / this.scale, this.#view.y - (py - this.height / 2) / this.scale];
  }

  /**
   * The view that is `factor` nearer and leaves a pixel where it is.
   * @param {number} factor
   * @param {[number, number]} at
   */
  nearer(factor, [px, py]) {
    const [x, y] = this.place(px, py);
    const zoom = this.#bounded(this.#view.zoom * factor);
    const scale = this.#main.scale * zoom;
    return { x: x - (px - this.width / 2) / scale, y: y + (py - this.height / 2) / scale, zoom };
  }

  /**
   * The view that is moved by pixels.
   * @param {number} dx
   * @param {number} dy
   */
  moved(dx, dy) {
    return { ...this.#view, x: this.#view.x - dx / this.scale, y: this.#view.y + dy / this.scale };
  }

  /**
   * The view of a box with some room around it.
   * @param {Box} box
   */
  around(box) {
    const zoom = (REGION * scaleOf(box, this.width, this.height)) / this.#main.scale;
    return { x: (box.left + box.right) / 2, y: (box.low + box.high) / 2, zoom: Math.min(zoom, NEAREST_BOX) };
  }

  /**
   * Whether some of a box is in the picture.
   * @param {Box} box
   */
  shows({ left, right, low, high }) {
    const [[x, y], [beyond, above]] = [this.pixel(left, low), this.pixel(right, high)];
    return x <= this.width && beyond >= 0 && above <= this.height && y >= 0;
  }
}
