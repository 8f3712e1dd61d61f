// @ts-check
// The cards of a pair or a four: buttons, rolls, clocks, and how long each clip has been heard, or each picture seen.

import { store } from "./api.js";
import { Looking } from "./looking.js";
import { Player } from "./player.js";
import { Roll, pitchRange } from "./roll.js";
import { clock } from "./sound_clock.js";
import { SoundingBar } from "./sounding_bar.js";
import { whileOn } from "./lifetime.js";
import { onThemeChange } from "./theme.js";

const HEARD_MS = 3000; // of each clip before a vote counts
const HEARD_SHARE = 0.9; // or this share of a clip that is shorter
const TELL_MS = 100;
const KEPT = "kallos.heard"; // what was heard of what is on the page, for a reload

/** @typedef {import("./types.js").Laid} Laid */
/** @typedef {{card: HTMLElement, button: HTMLButtonElement, name: string, roll: Roll, time: HTMLElement}} Card */

const minutes = (/** @type {number} */ seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

/** Emits "change" whenever what sounds or what has been heard (or seen) may have changed. */
export class Stage extends EventTarget {
  /**
   * The pair or four on the page.
   * @type {Laid | null}
   */
  pair = null;
  /** Whether the listener has tapped once, so that sound may begin by itself. */
  started = false;
  #told = 0;
  #bar = new SoundingBar();
  #running = false;

  /** @param {HTMLElement} root holds a card of the class `k-clip` for each side */
  constructor(root) {
    super();
    this.root = root;
    this.player = new Player();
    this.looking = new Looking(root);
    const cards = /** @type {HTMLElement[]} */ ([...root.querySelectorAll(".k-clip[data-side]")]);
    this.sides = cards.map((card) => card.dataset.side ?? "");
    /** @type {Record<string, Card>} */
    this.cards = Object.fromEntries(cards.map((card, index) => [this.sides[index], this.#card(card)]));
    this.player.addEventListener("change", () => this.#playing());
    this.looking.addEventListener("change", () => this.dispatchEvent(new Event("change")));
    onThemeChange(root, () => this.sides.forEach((side) => this.cards[side].roll.repaint()));
    whileOn(root, window, "pagehide", () => this.pair?.offerId && this.keepHeard(this.pair.offerId, this.heard()));
  }

  /** @param {HTMLElement} card */
  #card(card) {
    const find = (/** @type {string} */ name) => /** @type {HTMLElement} */ (card.querySelector(name));
    const side = card.dataset.side ?? "";
    const button = /** @type {HTMLButtonElement} */ (find(".k-play"));
    button.addEventListener("click", () => this.tap(side));
    const roll = new Roll(find(".k-roll"), (seconds) => this.#seek(side, seconds));
    return { card, button, name: card.getAttribute("aria-label") ?? "", roll, time: find(".k-time") };
  }

  /** Whether what is on the page is looked at, and nothing sounds. */
  get ofPictures() {
    return !!this.pair && !!this.pair.clips[this.sides[0]].image;
  }

  /**
   * Put a pair on the page; it sounds at once where the listener has tapped before, and is drawn in the next frame.
   * @param {Laid} pair
   */
  show(pair) {
    this.pair = pair;
    this.sides = Object.keys(pair.clips);
    const buffers = this.sides.map((side) => [side, pair.clips[side].buffer]);
    const before = this.#keptHeard(pair.offerId);
    this.looking.clear(); // before the player tells that something has changed
    this.player.load(Object.fromEntries(buffers), before);
    this.#hang(pair, before);
    if (this.ofPictures) return;
    if (this.started) this.begin();
    for (const side of this.sides) this.cards[side].button.disabled = false;
    clock.frame(() => this.pair === pair && this.#drawRolls());
  }

  /**
   * Show the pictures where there are some, and the players where there are none.
   * @param {Laid} pair
   * @param {Record<string, number>} seen
   */
  #hang({ clips }, seen) {
    this.root.querySelectorAll(".k-clip > .k-seen").forEach((image) => image.remove());
    this.root.classList.toggle("k-looking", this.ofPictures);
    document.body.classList.toggle("k-silent", this.ofPictures);
    if (!this.ofPictures) return;
    /** @type {Record<string, HTMLElement>} */
    const shown = {};
    for (const side of this.sides) {
      const { card, button, name } = this.cards[side];
      const { image } = clips[side];
      if (!image) continue; // nothing new yet, in the studio
      image.className = "k-seen";
      image.alt = `picture ${name}`;
      image.dataset.testid = `picture-${side}`;
      image.tabIndex = -1;
      button.disabled = true;
      card.querySelector(".k-clip-head")?.after(image);
      shown[side] = image;
    }
    this.looking.show(shown, seen, this.#neededMs(this.sides[0]));
  }

  /** Where the focus goes from an answer that has just been disabled. */
  get foothold() {
    return this.ofPictures ? this.pair?.clips.a.image : this.cards.a.button;
  }

  /** Sound by itself. */
  begin() {
    this.player.play("a");
  }

  #drawRolls() {
    if (!this.pair) return;
    const { clips } = this.pair;
    const range = pitchRange(this.sides.map((side) => clips[side].notes));
    for (const side of this.sides) this.cards[side].roll.show(clips[side].notes, clips[side].seconds, range);
  }

  /** Take the pair away. */
  clear() {
    this.player.pause();
    this.looking.clear();
    this.pair = null;
    for (const side of this.sides) this.cards[side].button.disabled = true;
  }

  /** A listener's own tap or key: play this side, or pause it where it plays. */
  tap(side = this.player.current) {
    if (!this.pair || this.ofPictures) return;
    this.started = true;
    this.player.unlock();
    this.player.toggle(side);
  }

  /** Which sides have not been heard (or seen) long enough for a vote. */
  unheard() {
    if (!this.pair) return this.sides;
    return this.sides.filter((side) => this.#heardMs(side) < this.#neededMs(side));
  }

  /** Milliseconds that each side sounded, or was in view. */
  heard() {
    return Object.fromEntries(this.sides.map((side) => [side, this.#heardMs(side)]));
  }

  /** @param {string} side */
  #heardMs(side) {
    return this.ofPictures ? this.looking.seenMs(side) : this.player.heardMs(side);
  }

  /** @param {string} side */
  #neededMs(side) {
    if (this.ofPictures) return 1000 * (this.pair?.clips[side].seconds ?? 0);
    return Math.min(HEARD_MS, HEARD_SHARE * this.player.duration(side) * 1000);
  }

  /**
   * @param {string} side
   * @param {number} seconds
   */
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
      button.setAttribute("aria-pressed", String(on));
      button.setAttribute("aria-label", `${on ? "Pause" : "Play"} ${name}`);
    }
    this.dispatchEvent(new Event("change"));
    this.#run();
  }

  /** Once a frame while something sounds, and once more when it stops. */
  #run() {
    if (this.#running) return;
    this.#running = true;
    const step = (/** @type {number} */ now) => {
      if (!this.root.isConnected) this.player.pause();
      this.#running = this.player.playing !== null;
      this.#draw();
      if (now - this.#told > TELL_MS) {
        this.#told = now;
        this.dispatchEvent(new Event("change"));
      }
      if (this.#running) clock.frame(step);
    };
    clock.frame(step);
  }

  #draw() {
    if (!this.pair || this.ofPictures) return;
    for (const side of this.sides) {
      const { roll, time } = this.cards[side];
      const position = this.player.position(side);
      const active = this.player.playing === side;
      if (roll.seen.position !== position || roll.seen.active !== active) roll.draw(position, active);
      const text = `${minutes(position)} / ${minutes(this.pair.clips[side].seconds)}`;
      if (time.textContent !== text) time.textContent = text;
    }
    const { playing, current } = this.player;
    const { clipId = "", bars = [] } = this.pair.clips[current] ?? {};
    this.#bar.tell(clipId, bars, playing === null ? null : this.player.position(playing));
  }

  /**
   * Keep what was heard of an offer until it is on the page again.
   * @param {string} offerId
   * @param {Record<string, number>} heard
   */
  keepHeard(offerId, heard) {
    store.set(KEPT, JSON.stringify({ offerId, heard }));
  }

  /**
   * @param {string} offerId
   * @returns {Record<string, number>}
   */
  #keptHeard(offerId) {
    try {
      const kept = JSON.parse(store.get(KEPT) ?? "null");
      if (kept?.offerId === offerId) return kept.heard;
    } catch {
      // nothing was kept
    }
    return {};
  }
}
