// The old piece and the new one side by side: going over to the other goes on at the same place in the music.

import { other } from "./player.js";
import { samePlace } from "./same_place.js";
import { Stage } from "./stage.js";

export class Bench extends Stage {
  /** Whether the next new piece sounds by itself. */
  eager = false;
  #resume = null; // {side, a, b}: where to go on once a new piece stands there

  constructor(root, signal) {
    super(root, signal);
    this.player.followsOn = false;
  }

  /** Put the pair on the page; what sounds goes on, and a new piece is heard at the place where the old one was. */
  show(pair) {
    this.#resume = this.pair && this.#place(pair);
    this.eager = false;
    super.show(pair);
    if (!this.started && this.#resume) this.#restore();
    this.cards.b.button.disabled = !pair.b.buffer;
    this.cards.b.card.classList.toggle("k-vacant", !pair.b.buffer);
  }

  /** Going over to the other side keeps the place in the music. */
  tap(side = this.player.current) {
    if (!this.pair?.[side].buffer) return;
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
    for (const side of ["a", "b"]) this.player.seek(side, this.#resume[side]);
  }

  #place(pair) {
    const { playing, current } = this.player;
    const seconds = this.player.position(current);
    const bars = this.pair[current].bars;
    return {
      side: (playing || this.eager) && (pair.b.buffer ? "b" : "a"),
      a: samePlace(seconds, bars, pair.a.bars),
      b: samePlace(seconds, bars, pair.b.bars),
    };
  }

  #map(from, side, pair) {
    const ended = this.player.position(from) > this.player.duration(from) - 0.1;
    return ended ? 0 : samePlace(this.player.position(from), pair[other(side)].bars, pair[side].bars);
  }
}
