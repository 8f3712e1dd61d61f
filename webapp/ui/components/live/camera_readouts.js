// @ts-check
// What is measured of a camera's picture, in the browser: five numbers, as models/picture/readouts.py measures a film's.
// The pictures themselves are looked at and forgotten.

export const SIDE = 96; // pixels, to which a picture is reduced
export const READOUTS = ["brightness", "warmth", "busyness", "size", "motion"];

const LUMA = [0.299, 0.587, 0.114];
const APART = 0.12; // of a colour from the background's, from which on a pixel is not background
const LEVELS = 8;
const LEAST_SPREAD = 0.3; // of the usual one
const MOST = 3;
const SMOOTH_S = 0.4;
const FORGET_S = 30; // a room stays as it is: what counts is how a moment differs from the last half minute

/**
 * Luma of each pixel, 0 to 1.
 * @param {Uint8ClampedArray} pixels RGBA
 */
export function lumaOf(pixels) {
  const luma = new Float32Array(pixels.length / 4);
  for (let i = 0; i < luma.length; i += 1)
    luma[i] = (LUMA[0] * pixels[4 * i] + LUMA[1] * pixels[4 * i + 1] + LUMA[2] * pixels[4 * i + 2]) / 255;
  return luma;
}

/**
 * Brightness, warmth, busyness and size of a square picture.
 * @param {Uint8ClampedArray} pixels RGBA
 * @param {number} side
 */
export function readoutsOf(pixels, side) {
  const luma = lumaOf(pixels);
  const ground = background(pixels, side);
  let [bright, warm, across, down, size] = [0, 0, 0, 0, 0];
  for (let i = 0; i < luma.length; i += 1) {
    const [x, y] = [i % side, Math.floor(i / side)];
    bright += luma[i];
    warm += (pixels[4 * i] - pixels[4 * i + 2]) / 255;
    if (x + 1 < side) across += Math.abs(luma[i + 1] - luma[i]);
    if (y + 1 < side) down += Math.abs(luma[i + side] - luma[i]);
    const off = Math.max(...[0, 1, 2].map((channel) => Math.abs(pixels[4 * i + channel] / 255 - ground[channel])));
    size += Number(off > APART);
  }
  const steps = side * (side - 1);
  return [bright / luma.length, warm / luma.length, (across + down) / (2 * steps), size / luma.length];
}

/**
 * The colour most common along the border, 0 to 1 a channel.
 * @param {Uint8ClampedArray} pixels
 * @param {number} side
 */
function background(pixels, side) {
  const sums = new Map();
  const count = (/** @type {number} */ i) => {
    const colour = [pixels[4 * i], pixels[4 * i + 1], pixels[4 * i + 2]];
    const key = colour.reduce((all, level) => all * LEVELS + ((level * LEVELS) >> 8), 0);
    const found = sums.get(key) ?? [0, 0, 0, 0];
    colour.forEach((level, channel) => (found[channel] += level));
    found[3] += 1;
    sums.set(key, found);
  };
  for (let i = 0; i < side; i += 1) [i, (side - 1) * side + i, i * side, i * side + side - 1].forEach(count);
  const most = [...sums].sort(([a, one], [b, other]) => other[3] - one[3] || a - b)[0][1];
  return most.slice(0, 3).map((/** @type {number} */ sum) => sum / most[3] / 255);
}

/** Readouts of a stream of pictures, in usual deviations: half of it against other films, the rest against its own past. */
export class Standardiser {
  /** @type {number[] | null} */
  #mean = null;
  /** @type {number[]} */
  #variance = [];
  /** @type {number[] | null} */
  #smooth = null;

  /** @param {number[][]} usual means and deviations */
  constructor([mean, spread]) {
    this.usual = { mean, spread };
  }

  /**
   * @param {number[]} values as measured
   * @param {number} seconds since the picture before
   */
  take(values, seconds) {
    const { mean, spread } = this.usual;
    const [share, near] = [FORGET_S, SMOOTH_S].map((each) => 1 - Math.exp(-seconds / each));
    const before = this.#mean ?? values;
    this.#mean = before.map((each, i) => each + share * (values[i] - each));
    this.#variance = values.map((each, i) => {
      const old = this.#variance[i] ?? 0;
      return old + share * ((each - before[i]) ** 2 - old);
    });
    const smooth = (this.#smooth ?? values).map((each, i) => each + near * (values[i] - each));
    this.#smooth = smooth;
    return smooth.map((each, i) => {
      const own = /** @type {number[]} */ (this.#mean)[i];
      const level = clip((own - mean[i]) / spread[i], 1.5) / 2;
      return clip(level + (each - own) / Math.max(Math.sqrt(this.#variance[i]), LEAST_SPREAD * spread[i]), MOST);
    });
  }
}

const clip = (/** @type {number} */ value, /** @type {number} */ most) => Math.max(-most, Math.min(most, value));

/** @param {MediaStream} stream */
function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}

/** A camera that is looked through; `seen` has its readouts, in the order of READOUTS. */
export class Camera {
  /** @type {number[] | null} */
  seen = null;
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {Float32Array | null} */
  #before = null;
  #then = 0;
  #turns = 0; // of opening and closing: what was asked for before the last one is wanted no more

  /**
   * @param {HTMLVideoElement} video
   * @param {number[][]} usual
   * @param {() => void} changed called with each picture
   */
  constructor(video, usual, changed) {
    this.video = video;
    this.usual = usual;
    this.changed = changed;
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = SIDE;
    this.pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  }

  get on() {
    return this.#stream !== null;
  }

  /** Ask for the camera, unless it is closed meanwhile; throws what the browser says where there is none or it is refused. */
  async open() {
    if (this.#stream) return;
    if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("no camera here", "NotSupportedError");
    const video = { width: { ideal: 320 }, frameRate: { ideal: 15 } };
    const turn = (this.#turns += 1);
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
      if (turn !== this.#turns) return stop(stream);
      this.#stream = this.video.srcObject = stream;
      await this.video.play();
    } catch (error) {
      if (turn !== this.#turns) return;
      this.close();
      throw error;
    }
    if (turn !== this.#turns) return;
    this.measure = new Standardiser(this.usual);
    this.#before = null;
    this.#look();
  }

  close() {
    this.#turns += 1;
    if (this.#stream) stop(this.#stream);
    this.#stream = null;
    this.video.srcObject = null;
    this.seen = null;
  }

  #look() {
    if (!this.#stream) return;
    const { videoWidth: width, videoHeight: height } = this.video;
    const now = performance.now() / 1000;
    if (width && now - this.#then > 0.09) {
      const side = Math.min(width, height); // its middle, square
      this.pen.drawImage(this.video, (width - side) / 2, (height - side) / 2, side, side, 0, 0, SIDE, SIDE);
      this.#measure(this.pen.getImageData(0, 0, SIDE, SIDE).data, Math.min(1, now - this.#then));
      this.#then = now;
    }
    window.setTimeout(() => this.#look(), 50);
  }

  /**
   * @param {Uint8ClampedArray} pixels
   * @param {number} seconds
   */
  #measure(pixels, seconds) {
    const [luma, before] = [lumaOf(pixels), this.#before];
    this.#before = luma;
    if (!before) return;
    let change = 0;
    for (let i = 0; i < luma.length; i += 1) change += Math.abs(luma[i] - before[i]);
    const motion = change / luma.length / seconds;
    this.seen = this.measure?.take([...readoutsOf(pixels, SIDE), motion], seconds) ?? null;
    this.changed();
  }
}
