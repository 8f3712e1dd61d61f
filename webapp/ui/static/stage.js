// The cards of a pair or a four: buttons, rolls, clocks, and how long each clip has been heard.

import { store } from "./api.js";
import { PairPlayer } from "./player.js";
import { Roll, pitchRange } from "./roll.js";
import { onThemeChange } from "./theme.js";

const HEARD_MS = 3000; // of each clip before a vote counts
const HEARD_SHARE = 0.9; // or this share of a clip that is shorter
const TELL_MS = 100;
const KEPT = "kallos.heard"; // what was heard of what is on the page, for a reload

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

/** Emits "change" whenever what sounds or what has been heard may have changed. */
export class Stage extends EventTarget {
  /** The pair or four on the page, by side, or null. */
  pair = null;
  /** Whether the listener has tapped once, so that sound may begin by itself. */
  started = false;
  #told = 0;
  #running = false;

  constructor(root, signal) {
    super();
    this.signal = signal;
    this.player = new PairPlayer();
    this.sides = [...root.querySelectorAll(".k-clip[data-side]")].map((card) => card.dataset.side);
    this.cards = Object.fromEntries(this.sides.map((side) => [side, this.#card(root, side)]));
    this.player.addEventListener("change", () => this.#playing());
    onThemeChange(() => this.sides.forEach((side) => this.cards[side].roll.repaint()), signal);
    window.addEventListener("pagehide", () => this.#keepHeard(), { signal });
    signal.addEventListener("abort", () => this.player.pause());
  }

  #card(root, side) {
    const card = root.querySelector(`.k-clip[data-side=${side}]`);
    const button = card.querySelector(".k-play");
    button.addEventListener("click", () => this.tap(side), { signal: this.signal });
    const roll = new Roll(card.querySelector(".k-roll"), (seconds) => this.#seek(side, seconds));
    return { card, button, name: card.getAttribute("aria-label"), roll, time: card.querySelector(".k-time") };
  }

  /** Put a pair on the page; it sounds at once where the listener has tapped before, and is drawn in the next frame. */
  show(pair) {
    this.pair = pair;
    const buffers = this.sides.map((side) => [side, pair[side].buffer]);
    this.player.load(Object.fromEntries(buffers), this.#keptHeard(pair.offerId));
    if (this.started) this.begin();
    for (const side of this.sides) this.cards[side].button.disabled = false;
    window.requestAnimationFrame(() => this.pair === pair && this.#drawRolls());
  }

  /** Sound by itself. */
  begin() {
    this.player.play("a");
  }

  #drawRolls() {
    const range = pitchRange(this.sides.map((side) => this.pair[side].notes));
    for (const side of this.sides) {
      this.cards[side].roll.show(this.pair[side].notes, this.pair[side].seconds, range);
    }
  }

  /** Take the pair away. */
  clear() {
    this.player.pause();
    this.pair = null;
    for (const side of this.sides) this.cards[side].button.disabled = true;
  }

  /** A listener's own tap or key: play this side, or pause it where it plays. */
  tap(side = this.player.current) {
    if (!this.pair) return;
    this.started = true;
    this.player.unlock();
    this.player.toggle(side);
  }

  /** Which sides have not been heard long enough for a vote. */
  unheard() {
    if (!this.pair) return this.sides;
    const needed = (side) => Math.min(HEARD_MS, HEARD_SHARE * this.player.duration(side) * 1000);
    return this.sides.filter((side) => this.player.heardMs(side) < needed(side));
  }

  /** Milliseconds that each side sounded. */
  heard() {
    return Object.fromEntries(this.sides.map((side) => [side, this.player.heardMs(side)]));
  }

  #seek(side, seconds) {
    if (!this.pair) return;
    this.started = true;
    this.player.unlock();
    this.player.seek(side, seconds);
    this.player.play(side);
  }

  #playing() {
    for (const side of this.sides) {
      const on = this.player.playing === side;
      const { card, button, name } = this.cards[side];
      card.classList.toggle("k-sounding", on);
      button.setAttribute("aria-pressed", on);
      button.setAttribute("aria-label", `${on ? "Pause" : "Play"} ${name}`);
    }
    this.dispatchEvent(new Event("change"));
    this.#run();
  }

  /** Once a frame while something sounds, and once more when it stops. */
  #run() {
    if (this.#running) return;
    this.#running = true;
    const step = (now) => {
      this.#running = this.player.playing !== null && !this.signal.aborted;
      this.#draw();
      if (now - this.#told > TELL_MS) {
        this.#told = now;
        this.dispatchEvent(new Event("change"));
      }
      if (this.#running) window.requestAnimationFrame(step);
    };
    window.requestAnimationFrame(step);
  }

  #draw() {
    if (!this.pair) return;
    for (const side of this.sides) {
      const { roll, time } = this.cards[side];
      const position = this.player.position(side);
      const active = this.player.playing === side;
      if (roll.seen.position !== position || roll.seen.active !== active) roll.draw(position, active);
      const text = `${clock(position)} / ${clock(this.pair[side].seconds)}`;
      if (time.textContent !== text) time.textContent = text;
    }
  }

  #keepHeard() {
    if (!this.pair?.offerId) return;
    store.set(KEPT, JSON.stringify({ offerId: this.pair.offerId, heard: this.heard() }));
  }

  #keptHeard(offerId) {
    try {
      const kept = JSON.parse(store.get(KEPT));
      if (kept.offerId === offerId) return kept.heard;
    } catch {
      // nothing was kept
    }
    return {};
  }
}
