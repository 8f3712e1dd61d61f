// @ts-check
// The old piece and the new one side by side: switching to the other goes on at the same place in the music.

import { other } from "../shared/player.js";
import { samePlace } from "../shared/same_place.js";
import { Stage } from "../shared/stage.js";

export class Bench extends Stage {
  /** Whether the next new piece sounds by itself. */
  eager = false;
  /** @type {{side: string | false, a: number, b: number} | null} */
  #resume = null; // where to go on once a new piece stands there

  /** @param {HTMLElement} root */
  constructor(root) {
    super(root);
    this.player.followsOn = false;
  }

  /**
   * Put the pair on the page; what sounds goes on, and a new piece is heard at the place where the old one was.
   * @param {any} pair
   */
  show(pair) {
    this.#resume = this.pair && this.#place(pair);
    this.eager = false;
    super.show(pair);
    if (!this.started && this.#resume) this.#restore();
    const { buffer, image } = pair.clips.b;
    const there = Boolean(buffer || image);
    this.cards.b.button.disabled = !buffer;
    this.cards.b.card.classList.toggle("k-vacant", !there);
  }

  /** Switching to the other side keeps the place in the music. */
  tap(side = this.player.current) {
    if (!this.pair?.clips[side].buffer) return;
    const from = this.player.current;
    if (side !== from) this.player.seek(side, this.#map(from, side, this.pair));
    super.tap(side);
  }

  begin() {
    if (!this.#resume) return;
    this.#restore();
    if (this.#resume.side) this.player.play(this.#resume.side);
  }

  #restore() {
    if (!this.#resume) return;
    this.player.seek("a", this.#resume.a);
    this.player.seek("b", this.#resume.b);
  }

  /** @param {any} pair */
  #place(pair) {
    const { playing, current } = this.player;
    const seconds = this.#ended(current) ? 0 : this.player.position(current);
    const { bars } = /** @type {any} */ (this.pair).clips[current];
    return {
      side: (playing !== null || this.eager) && (pair.clips.b.buffer ? "b" : "a"),
      a: samePlace(seconds, bars, pair.clips.a.bars),
      b: samePlace(seconds, bars, pair.clips.b.bars),
    };
  }

  /** @param {string} side */
  #ended(side) {
    return this.player.position(side) > this.player.duration(side) - 0.1;
  }

  /**
   * @param {string} from
   * @param {string} side
   * @param {any} pair
   */
  #map(from, side, pair) {
    return this.#ended(from) ? 0 : samePlace(this.player.position(from), pair.clips[other(side)].bars, pair.clips[side].bars);
  }
}
