// @ts-check
// The desk of the studio: a piece, what comes of what is wanted of it, and every step there and back.

import * as api from "./shared/api.js";
import { dress } from "./shared/dress.js";
import { whileOn } from "./shared/lifetime.js";
import { SOUNDS } from "./shared/player.js";
import { saveAs } from "./shared/save.js";
import { lay, lockOf } from "./studio/bars.js";
import { Bench } from "./studio/bench.js";
import { dock } from "./studio/dock.js";
import { LOCKS, PLAIN, anyLock, changeInWords, inWords, isPlain, onlyLocked, recipeOf, samePitches } from "./studio/recipe.js";
import { Sounds } from "./studio/sounds.js";
import { sentence } from "./studio/words.js";

const NOBODY = { buffer: null, notes: [], seconds: 0, bars: [], clipId: "" };
const TYPING = "input:not([type=radio]):not([type=range]):not([type=checkbox]), textarea, dialog[open], details[open], .k-sheet";
const FIRST_KEEP = 0.5; // of the rest, when something is locked and all of it was kept
const SETTLE_MS = 300; // after the last move of a slider that tells of every move

/** @typedef {import("./studio/recipe.js").Recipe} Recipe */
/** @typedef {Recipe & {piece: any}} Step a recipe with what came of it; null: nothing was wanted */

const sorry = (/** @type {any} */ error) =>
  error.status === 0 ? "No connection to Kallos; nothing is lost." : error.message || "That did not work; nothing is lost.";

class Desk {
  /** @type {any} */
  #old = null; // the piece to start from, opened
  /** @type {Step[]} */
  #steps = []; // everything that was composed from it, the bare piece first
  #at = 0;
  /** @type {Recipe} */
  #asked = PLAIN; // the recipe that the controls show
  /** @type {Recipe | null} */
  #wanted = null; // the recipe asked for last; one is composed at a time
  #turn = 0; // counts what the listener did: what comes of anything but the last is dropped
  #wish = 0; // the turn in which something was wished for last
  #composing = false;
  #givenUp = new AbortController(); // of what is being composed
  #lastedS = 0; // the last one
  #timer = 0;
  #most = 0; // the largest seed used
  #link = ""; // the key of the link to somebody else's piece that this was opened with
  #fixed = false; // its recipe names what this listener may not use
  #note = ""; // what is to be known about the piece on the desk, as it was opened
  #first = 0; // the step that was opened
  #side = "a"; // sounded last
  /** @type {Record<string, any>} */
  #sources = {}; // what recipes name: title and traits
  /** @type {any} */
  #shown = null;

  /** @param {import("./shared/types.d.ts").GradioComponent<any>} component */
  constructor({ element, props, trigger }) {
    this.root = element;
    this.props = props;
    this.trigger = trigger;
    this.sounds = new Sounds();
    this.bench = new Bench(element);
    this.bench.addEventListener("change", () => this.#benchChanged());
    this.bars = this.#find("[data-side=a] .k-bars");
    this.ruler = this.#find("[data-side=b] .k-bars");
    this.save = /** @type {HTMLDetailsElement} */ (this.#find(".k-save"));
    dock(this.#find("[data-part=place]"));
    this.#listen();
  }

  /** @param {string} selector */
  #find(selector) {
    return /** @type {HTMLElement} */ (this.root.querySelector(selector));
  }

  /** @param {string} name */
  #button(name) {
    return /** @type {HTMLButtonElement} */ (this.#find(`[data-do=${name}]`));
  }

  get #now() {
    return this.#steps[this.#at] ?? { ...PLAIN, piece: null };
  }

  #listen() {
    this.#button("undo").addEventListener("click", () => this.#undo());
    this.#button("redo").addEventListener("click", () => this.#redo());
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (this.root.querySelectorAll("[data-form]"))) {
      button.addEventListener("click", () => this.#save(button.dataset.form ?? ""));
    }
    this.bars.addEventListener("click", ({ target }) => {
      const { bar } = /** @type {HTMLElement} */ (target).dataset;
      if (bar) this.#lockBar(Number(bar));
    });
    whileOn(this.root, document, SOUNDS, (event) => event.detail === this || this.bench.player.pause());
    whileOn(this.root, document, "keydown", (event) => this.#key(event));
    for (const name of ["click", "keydown"]) {
      whileOn(this.root, document, name, (event) => {
        if (event.key === "Escape" || (name === "click" && !this.save.contains(event.target))) this.save.open = false;
        if (this.#old) this.bench.player.unlock(); // what is composed sounds by itself, which a tap has to allow
      });
    }
  }

  /** Do what the page asks for: open a piece, or change what is wanted of it. */
  obey() {
    const order = this.props.value;
    if (!order?.do) return;
    const { locks, keep } = this.#asked;
    /** @type {Record<string, () => any>} */
    const orders = {
      open: () => this.#open(order),
      wait: () => this.#wait(),
      borrow: () => this.#borrow(order),
      dials: () => this.#want({ ...this.#asked, styles: order.styles, turned: order.turned }),
      toward: () => this.#want({ ...this.#asked, toward: order.toward }),
      lock: () => this.#lock({ ...locks, ...Object.fromEntries(LOCKS.map((name) => [name, order.locks.includes(name)])) }),
      keep: () => order.keep === Math.round(keep * 100) || this.#later({ ...this.#asked, keep: order.keep / 100 }),
      again: () => this.#want({ ...this.#asked, seed: this.#unused() }),
      take: () => (order.of ?? this.#old?.name) === this.#old?.name && this.#take(order.piece),
      seeds: () => (this.#most = Math.max(this.#most, ...order.seeds)),
      leave: () => this.#leave(),
    };
    const done = orders[order.do]?.();
    if (this.props.value?.do && this.#shown) this.props.value = this.#shown; // handlers read what there is, no order
    return done;
  }

  /** @param {any} order */
  async #open({ old, piece, link = "", fixed = false, note = "" }) {
    this.#forget();
    [this.#old, this.#link, this.#fixed, this.#note, this.#side, this.#most] = [old, link, fixed, note, "a", 0];
    this.bench.clear();
    this.#sources = { [old.name]: old };
    const bare = { ...PLAIN, piece: null };
    this.#steps = piece ? [bare, { ...recipeOf(piece.recipe), piece }] : [bare];
    this.#first = this.#steps.length - 1;
    lay(this.bars, old, lockOf);
    const line = this.#find("[data-part=shared]");
    line.hidden = !link;
    line.textContent = `Somebody made this and gave you the link. ${
      fixed
        ? "It borrows from pieces that are theirs alone: continue from the new one to change it."
        : "Change what you like; theirs stays as it is."
    }`;
    await this.#go(this.#first);
    if (!piece) this.bench.foothold?.focus({ preventScroll: true });
  }

  #leave() {
    this.#forget();
    this.bench.clear();
    this.#old = null;
    this.#address({});
  }

  /** Somebody chooses from whom to borrow: it is quiet meanwhile, and what is borrowed sounds if something did. */
  #wait() {
    this.bench.eager = this.bench.player.playing !== null;
    this.bench.player.pause();
  }

  /** @param {{groups: string[], source: any}} order */
  #borrow({ groups, source }) {
    this.#sources[source.name] = source;
    const { styles, turned, toward } = this.#asked;
    if (groups.includes("toward")) {
      this.#want({ ...this.#asked, toward: { source: source.name, strength: toward?.strength ?? 0.5 } });
      return;
    }
    const rest = Object.fromEntries(Object.entries(turned).filter(([group]) => !groups.includes(group)));
    const borrowed = Object.fromEntries(groups.map((group) => [group, { source: source.name, strength: styles[group]?.strength ?? 1 }]));
    this.#want({ ...this.#asked, styles: { ...styles, ...borrowed }, turned: rest });
  }

  /** @param {number} bar */
  #lockBar(bar) {
    const { locks } = this.#asked;
    const { bars } = locks;
    this.#lock({ ...locks, bars: bars.includes(bar) ? bars.filter((each) => each !== bar) : [...bars, bar].sort((a, b) => a - b) });
  }

  /**
   * What is locked first would change nothing while all of the rest is kept.
   * @param {Recipe["locks"]} locks
   */
  #lock(locks) {
    const { keep, locks: before } = this.#asked;
    if (JSON.stringify(locks) === JSON.stringify(before)) return;
    const first = !anyLock(before) && keep === 1;
    const last = !anyLock(locks) && keep === FIRST_KEEP;
    this.#want({ ...this.#asked, locks, keep: first ? FIRST_KEEP : last ? 1 : keep });
  }

  /** Tell the page what is wanted and what there is. */
  #tell() {
    const { piece } = this.#now;
    const known = ["name", "domain", "meter", "title", "dials", "no_dials", "score_url", "image_url", "first_bar", "section"].map((name) => [name, this.#old[name]]);
    this.#shown = {
      old: Object.fromEntries(known),
      piece: piece && { name: piece.name, mine: piece.mine, score_url: piece.score_url },
      recipe: this.#asked,
      sources: this.#sources,
      fixed: this.#fixed,
      link: this.#link,
      side: this.#side,
      unused: this.#unused(),
    };
    this.props.value = this.#shown;
    this.trigger("shows");
  }

  /** Show what is wanted on every control. @param {Recipe} recipe */
  #controls(recipe) {
    this.#asked = recipe;
    for (const button of /** @type {HTMLButtonElement[]} */ ([...this.bars.children])) {
      button.setAttribute("aria-pressed", String(recipe.locks.bars.includes(Number(button.dataset.bar))));
      button.disabled = this.#fixed;
    }
    this.#tell();
  }

  /** A slider was moved, perhaps on its way. @param {Recipe} recipe */
  #later(recipe) {
    window.clearTimeout(this.#timer);
    this.#asked = recipe;
    this.#timer = window.setTimeout(() => this.#want(recipe), SETTLE_MS);
  }

  /** Compose what is wanted; while one is being composed only the last wish counts. @param {Recipe} wish */
  async #want(wish) {
    if (!this.#old || this.#fixed) return;
    window.clearTimeout(this.#timer);
    this.#controls(wish);
    this.#forget();
    this.#wish = this.#turn;
    this.#wanted = wish;
    if (this.#composing) return;
    this.#composing = true;
    this.root.classList.add("k-busy");
    while (this.#wanted && this.root.isConnected) {
      const now = this.#wanted;
      this.#wanted = null;
      this.#said(`${this.#old.image_url ? "Drawing" : "Composing"}… ${this.#lastedS ? `The last one took ${this.#lastedS} s. ` : ""}`);
      this.#offer("Cancel", () => this.#undo());
      await this.#compose(now);
    }
    this.#composing = false;
    this.root.classList.remove("k-busy");
  }

  /** @param {Recipe} recipe */
  async #compose(recipe) {
    if (isPlain(recipe)) {
      this.#push({ ...recipe, piece: null });
      return;
    }
    const turn = this.#turn;
    const wanted = () => turn === this.#turn && this.root.isConnected;
    try {
      const began = performance.now();
      const piece = await api.studio.compose({ content: this.#old.name, ...recipe }, this.#givenUp.signal);
      this.#lastedS = Math.ceil((performance.now() - began) / 1000);
      await this.sounds.of(piece);
      if (!wanted()) return;
      this.bench.started = this.bench.eager = true;
      this.#push({ ...recipe, piece });
    } catch (error) {
      if (wanted()) this.#failed(error, recipe);
    }
  }

  /** Nothing that is being composed is wanted any more. */
  #forget() {
    window.clearTimeout(this.#timer);
    this.#turn += 1;
    this.#wanted = null;
    this.#givenUp.abort();
    this.#givenUp = new AbortController();
  }

  /**
   * The controls keep what was wished for; one button tries it again.
   * @param {any} error
   * @param {Recipe} wish
   */
  #failed(error, wish) {
    this.#said(`${sentence(sorry(error))} `);
    this.#offer("Try again", () => this.#want(wish));
  }

  /**
   * A button behind what is said.
   * @param {string} text
   * @param {() => void} act
   */
  #offer(text, act) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "k-quiet k-small";
    button.textContent = text;
    button.addEventListener("click", act);
    this.#find("[data-part=said]").append(button);
  }

  /** Back to the step before, or, while one is being composed, without it. */
  #undo() {
    const waiting = this.#composing && this.#wish === this.#turn;
    this.#forget();
    if (waiting) {
      this.#go(this.#at, "Taken back. ");
      return;
    }
    this.#go(this.#at - 1, `Undone: ${changeInWords(this.#steps[this.#at - 1], this.#now)}. `);
  }

  #redo() {
    this.#forget();
    this.#go(this.#at + 1, `Done again: ${changeInWords(this.#now, this.#steps[this.#at + 1])}. `);
  }

  /** @param {any} piece */
  #take(piece) {
    this.bench.player.pause();
    this.#forget();
    this.#push({ ...recipeOf(piece.recipe), piece });
  }

  /** @param {Step} step */
  #push(step) {
    this.#steps = [...this.#steps.slice(0, this.#at + 1), step];
    this.#go(this.#steps.length - 1);
  }

  /**
   * Show one of the steps; `done`: what led there.
   * @param {number} index
   */
  async #go(index, done = "") {
    this.#at = index;
    const { piece, ...recipe } = this.#now;
    this.#side = piece ? "b" : "a";
    this.#sources = { ...this.#sources, ...piece?.sources };
    this.#controls(recipe);
    if (piece) lay(this.ruler, { ...piece, first_bar: this.#old.first_bar }, () => document.createElement("span"));
    else this.ruler.replaceChildren();
    this.#address(this.#query(piece));
    this.#gate();
    const [old, step] = [this.#old, this.#now];
    const waits = window.setTimeout(() => this.#said("Preparing the sound…"), SETTLE_MS);
    try {
      const [a, b] = await Promise.all([this.sounds.of(old), piece ? this.sounds.of(piece) : NOBODY]);
      if (this.#old !== old || this.#now !== step) return;
      this.bench.show({ offerId: "", clips: { a, b } });
      this.#said(`${done}${this.#summary()}`);
    } catch (error) {
      this.#said(`${sentence(sorry(error))} Reload the page to try again.`);
    } finally {
      window.clearTimeout(waits);
    }
    this.#gate();
  }

  #summary() {
    const { piece, ...recipe } = this.#now;
    const title = (this.#old.title ? `“${this.#old.title}”. ` : "") + (this.#at === this.#first ? this.#note : "");
    const seen = Boolean(this.#old.image_url);
    if (!piece && seen) return `${title}Turn a dial or borrow a style: then the new one appears.`;
    if (!piece) return `${title}Turn a dial, borrow a style or lock something: then the new one plays.`;
    const told = inWords(recipe, this.#old.first_bar);
    if (seen) return `${title}${told || "The same picture, drawn anew."}`;
    if (!told) return `${title}The same styles, played anew.`;
    if (onlyLocked(recipe) && samePitches(piece.notes, this.#old.notes)) {
      return `${title}${told} The notes came back as they were: hardly anything sounds but what is locked. Lock less of it.`;
    }
    return `${title}${told} Switch between old and new while it plays.`;
  }

  /** A seed beyond all that were used. */
  #unused() {
    return Math.max(this.#asked.seed, this.#most, ...this.#steps.map((step) => step.seed)) + 1;
  }

  /** @param {string} form */
  async #save(form) {
    this.save.open = false;
    const { piece } = this.#now;
    const played = form === "played";
    try {
      const title = `${piece.title || "studio"}${played ? " as played" : ""}`;
      saveAs(await api.audio(piece.downloads[form]), title, played ? "mid" : form);
    } catch (error) {
      this.#said(sentence(sorry(error)));
    }
  }

  /** One thing sounds at a time; the page may want to know which side it is. */
  #benchChanged() {
    const { playing } = this.bench.player;
    if (!playing || this.root.dataset.sounds === playing) {
      if (!playing) delete this.root.dataset.sounds;
      return;
    }
    this.root.dataset.sounds = playing;
    document.dispatchEvent(new CustomEvent(SOUNDS, { detail: this }));
    if (this.#side === playing) return;
    this.#side = playing;
    this.#tell();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (!this.#old || event.defaultPrevented || target.closest(TYPING)) return;
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && !event.altKey) {
      if (key === "z" && !event.shiftKey && this.#at > 0) this.#undo();
      else if ((key === "y" || (key === "z" && event.shiftKey)) && this.#at < this.#steps.length - 1) this.#redo();
      else return;
      event.preventDefault();
      return;
    }
    if (event.repeat || event.altKey) return;
    if (key === "o") this.bench.tap("a");
    else if (key === "n") this.bench.tap("b");
    else if (key === " " && !target.closest("button, a, summary, input")) this.bench.tap();
    else return;
    event.preventDefault();
  }

  #gate() {
    this.#button("undo").disabled = this.#at === 0;
    this.#button("redo").disabled = this.#at >= this.#steps.length - 1;
    const { piece } = this.#now;
    this.save.hidden = !piece;
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (this.save.querySelectorAll("[data-form]"))) {
      button.hidden = !piece?.downloads[button.dataset.form ?? ""];
    }
  }

  /**
   * What reopens this piece; one that was brought or is a clip is started from again.
   * @param {any} piece
   * @returns {Record<string, string>}
   */
  #query(piece) {
    if (piece && !piece.mine) return { link: this.#link };
    const shown = piece ?? (this.#old.name.startsWith("pieces/") ? this.#old : null);
    return shown ? { piece: shown.name.split("/")[1] } : {};
  }

  /** @param {Record<string, string>} query */
  #address(query) {
    const address = new URL(window.location.href);
    for (const name of ["piece", "link"]) address.searchParams.delete(name);
    for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
    window.history.replaceState(window.history.state, "", address);
  }

  /** @param {string} text */
  #said(text) {
    this.#find("[data-part=said]").textContent = text;
  }
}

/** @param {import("./shared/types.d.ts").GradioComponent<any>} component */
export async function start(component) {
  const desk = new Desk(component);
  component.watch("value", () => desk.obey());
  await dress(component.element, import.meta.url, "shared/clip.css", "studio_desk.css");
  desk.obey();
}
