// The studio: a piece, what it borrows, what comes of it, and every step there and back.

import * as api from "./api.js";
import { Bench } from "./bench.js";
import { Dials } from "./dials.js";
import { offerLink } from "./link_dialog.js";
import { Locks } from "./locks.js";
import { Choices, Picker } from "./picker.js";
import { PLAIN, changeInWords, inWords, isPlain, recipeOf } from "./recipe.js";
import { saveAs } from "./save.js";
import { Score } from "./score.js";
import { Sounds } from "./sounds.js";
import { MUSIC, dead, lacking, notOffered, readFrom, sorry } from "./studio_words.js";
import { Variations } from "./variations.js";
import { Way } from "./way.js";
import { capital } from "./words.js";

const MOST_BYTES = 256 * 1024;
const NOBODY = { buffer: null, notes: [], seconds: 0, bars: [] };
const TYPING = "input:not([type=radio]):not([type=range]), textarea, dialog[open], .k-menu[open]";

class StudioPage {
  #old = null; // the piece to start from, opened
  #steps = []; // recipes with the piece of each, of everything that was composed from it, the bare piece first
  #at = 0;
  #asked = PLAIN; // the recipe that the controls show
  #wanted = null; // the recipe asked for last; one is composed at a time
  #turn = 0; // counts what the listener did: what comes of anything but the last is dropped
  #wish = 0; // the turn in which something was wished for last
  #composing = false;
  #link = ""; // the key of the link to somebody else's piece that this page was opened with
  #fixed = false; // its recipe names what this listener may not use
  #note = ""; // what is to be known about the piece on the bench
  #offered = new Set(); // pieces that wait as blind pairs

  constructor(root, signal) {
    this.root = root;
    this.signal = signal;
    this.sounds = new Sounds();
    this.find = (selector) => root.querySelector(selector);
    this.bench = new Bench(root, signal);
    this.bench.addEventListener("change", () => this.#benchChanged());
    this.dials = new Dials(root, signal, {
      onBorrow: (group) => this.#borrow(group),
      onChange: ({ toward = null, ...styles }) => this.#want({ ...this.#asked, toward, styles }),
      onTurn: (turned) => this.#want({ ...this.#asked, turned }),
    });
    this.locks = new Locks(root, signal, (kept) => this.#want({ ...this.#asked, ...kept }));
    this.score = new Score(root, signal);
    this.way = new Way(root, signal, {
      onTake: (piece) => this.#take(piece),
      onPlay: (list) => this.#hush(list),
      say: (text) => this.#said(text),
    });
    this.picker = new Picker(root, signal, () => this.#hush(this.picker.choices.clips));
    this.start = new Choices(
      {
        list: this.#part("choices"),
        said: this.#part("choices-said"),
        more: this.find("[data-do=more]"),
        radios: [...root.querySelectorAll("[name=k-start-domain]")],
        finder: this.find(".k-start [data-part=finder]"),
        found: this.find(".k-start [data-part=found]"),
      },
      signal,
      { action: "Start", onAction: (choice) => this.#begin(() => this.start.open(choice)) },
    );
    this.variations = new Variations(root, signal, {
      onTake: (piece) => this.#take(piece),
      say: (text) => this.#said(text),
    });
    for (const list of [this.start.clips, this.variations.clips]) list.addEventListener("play", () => this.#hush(list));
    this.#listen();
  }

  #part(name) {
    return this.find(`[data-part=${name}]`);
  }

  get #now() {
    return this.#steps[this.#at] ?? { ...PLAIN, piece: null };
  }

  #listen() {
    const { signal } = this;
    const actions = {
      undo: () => this.#undo(),
      redo: () => this.#redo(),
      vary: () => this.variations.compose({ content: this.#old.name, ...this.#asked, seed: this.#unused() - 1 }, this.picks),
      again: () => this.#want({ ...this.#asked, seed: this.#unused() }),
      share: () => this.#share(),
      offer: () => this.#offer(),
      onward: () => this.#onward(),
      leave: () => this.#leave(),
    };
    for (const [name, act] of Object.entries(actions)) {
      this.find(`[data-do=${name}]`).addEventListener("click", act, { signal });
    }
    for (const button of this.root.querySelectorAll("[data-form]")) {
      button.addEventListener("click", () => this.#save(button.dataset.form), { signal });
    }
    for (const radio of this.start.radios) radio.addEventListener("change", () => this.#readAs(), { signal });
    this.find("input[type=file]").addEventListener("change", (event) => this.#bring(event.target), { signal });
    document.addEventListener("keydown", (event) => this.#key(event), { signal });
    const save = this.find(".k-save");
    const close = (event) => (event.key === "Escape" || !save.contains(event.target)) && (save.open = false);
    for (const kind of ["click", "keydown"]) document.addEventListener(kind, close, { signal });
  }

  /** Go where the address says: a link, a piece of one's own, or the choice of a piece to start from. */
  async run() {
    for (let attempt = 0; !this.signal.aborted; attempt += 1) {
      try {
        const listener = await api.hello();
        this.start.domain = listener.domain;
        this.#readAs();
        this.picks = listener.picks;
        break;
      } catch (error) {
        if (error.passing === false) throw error;
        this.#part("upload-error").textContent = "Kallos does not answer. Trying again…";
        await api.pause(api.backOffS(attempt, error));
      }
    }
    const asked = new URL(window.location.href).searchParams;
    const [link, piece] = [asked.get("link"), asked.get("piece")];
    if (link) await this.#reopen(() => api.studio.openLink(link), link);
    else if (piece) await this.#reopen(() => api.studio.open(`pieces/${piece}`));
    if (!this.#old) this.#choose();
  }

  #choose() {
    this.find(".k-start").hidden = false;
    this.find(".k-bench").hidden = true;
    const wait = this.find(".k-start .k-wait");
    this.start.load("", (waiting) => {
      wait.hidden = !waiting;
    });
  }

  #leave() {
    this.bench.clear();
    this.variations.clear();
    this.#forget();
    this.#old = null;
    this.#link = "";
    this.#fixed = false;
    this.#note = "";
    this.#address({});
    this.#choose();
    this.find("#k-start-title").scrollIntoView({ block: "center" });
  }

  /** Show a composed piece again with what it was made from. */
  async #reopen(ask, link = "") {
    try {
      const piece = await ask();
      this.#link = piece.mine ? "" : link;
      this.#fixed = !piece.mine && !piece.editable;
      if (!piece.recipe) return await this.#put(piece, []);
      const old = await api.studio.open(piece.recipe.content, link).catch((error) => {
        if (error.passing !== false) throw error;
      });
      this.#note = lacking(piece, old);
      if (!old) return await this.#put(piece, []);
      return await this.#put(old, [{ ...recipeOf(piece.recipe), piece }]);
    } catch (error) {
      this.#part("upload-error").textContent = dead(error);
      return null;
    }
  }

  /** Put a piece on the bench to start from. */
  async #begin(ask) {
    this.#hush(this.bench);
    const said = this.#old ? this.#part("said") : this.#part("upload-error");
    said.textContent = "Opening…";
    try {
      const piece = await ask();
      said.textContent = "";
      this.#link = "";
      this.#fixed = false;
      this.#note = readFrom(piece);
      await this.#put(piece, []);
      this.bench.cards.a.button.focus();
    } catch (error) {
      said.textContent = capital(sorry(error));
    }
  }

  async #put(old, steps) {
    this.#forget();
    this.#old = old;
    this.#steps = [{ ...PLAIN, piece: null }, ...steps];
    this.find(".k-start").hidden = true;
    this.find(".k-bench").hidden = false;
    this.variations.clear();
    this.#said("");
    this.dials.learn({ [old.name]: old });
    this.dials.measure(old.dials, old.no_dials);
    this.locks.measure(old);
    this.#shared();
    await this.#go(this.#steps.length - 1);
  }

  #shared() {
    const line = this.#part("shared");
    line.hidden = !this.#link;
    line.textContent = `Somebody made this and gave you the link. ${
      this.#fixed
        ? "It borrows from pieces that are theirs alone: go on from the new one to change it."
        : "Change what you like; theirs stays as it is."
    }`;
  }

  /** Start from what was composed; somebody else's is copied first. */
  #onward() {
    const { piece } = this.#now;
    const link = this.#link;
    this.#begin(async () => (piece.mine ? piece : api.studio.adopt(link)));
  }

  #borrow(group) {
    this.bench.eager = this.bench.player.playing !== null;
    this.bench.player.pause();
    this.picker.open(group, this.#old.domain, (choice) => {
      this.dials.learn({ [choice.name]: choice });
      const first = group === "toward" ? 0.5 : 1;
      const { strength = first } = this.dials.styles[group] ?? {};
      const borrowed = { source: choice.name, strength };
      const { styles } = this.#asked;
      const change = group === "toward" ? { toward: borrowed } : { styles: { ...styles, [group]: borrowed } };
      this.#want({ ...this.#asked, ...change, turned: this.dials.without(group) });
    });
  }

  /** Show what is wanted on every control. */
  #controls(recipe) {
    this.#asked = recipe;
    const { toward, styles, turned } = recipe;
    this.dials.show(toward ? { ...styles, toward } : styles, turned, this.#fixed);
    this.locks.show(recipe, this.#fixed);
    this.way.lead(this.#old, toward, this.#fixed);
  }

  /** Compose what the dials say; while one is being composed only the last wish counts. */
  async #want(wish) {
    this.#controls(wish);
    this.#forget();
    this.#wish = this.#turn;
    this.#wanted = wish;
    if (this.#composing) return;
    this.#composing = true;
    this.root.classList.add("k-busy");
    while (this.#wanted && !this.signal.aborted) {
      const now = this.#wanted;
      this.#wanted = null;
      this.#said("Composing…");
      await this.#compose(now);
    }
    this.#composing = false;
    this.root.classList.remove("k-busy");
  }

  async #compose(recipe) {
    if (isPlain(recipe)) {
      this.#push({ ...recipe, piece: null });
      return;
    }
    const turn = this.#turn;
    try {
      const piece = await api.studio.compose({ content: this.#old.name, ...recipe });
      await this.sounds.of(piece);
      if (turn === this.#turn) this.#push({ ...recipe, piece });
    } catch (error) {
      if (turn === this.#turn) this.#failed(error, recipe);
    }
  }

  /** Nothing that is being composed is wanted any more. */
  #forget() {
    this.#turn += 1;
    this.#wanted = null;
  }

  /** The dials keep what was wished for; one button tries it again. */
  #failed(error, wish) {
    this.#said(`${capital(sorry(error))} `);
    const again = document.createElement("button");
    again.type = "button";
    again.className = "k-quiet k-small";
    again.textContent = "Try again";
    again.addEventListener("click", () => this.#want(wish), { signal: this.signal });
    this.#part("said").append(again);
  }

  /** Back to the step before, or, while one is being composed, without it. */
  #undo() {
    const waiting = this.#composing && this.#wish === this.#turn;
    this.#forget();
    if (waiting) {
      this.#go(this.#at, "Taken back. ");
      return;
    }
    const { piece: _, ...undone } = this.#now;
    this.#go(this.#at - 1, `Undone: ${changeInWords(this.#steps[this.#at - 1], undone)}. `);
  }

  #redo() {
    this.#forget();
    const { piece: _, ...before } = this.#now;
    this.#go(this.#at + 1, `Done again: ${changeInWords(before, this.#steps[this.#at + 1])}. `);
  }

  #push(step) {
    this.#steps = [...this.#steps.slice(0, this.#at + 1), step];
    this.#go(this.#steps.length - 1);
  }

  /** Show one of the steps; `done`: what led there. */
  async #go(index, done = "") {
    this.#at = index;
    const { piece, ...recipe } = this.#now;
    if (piece) this.dials.learn(piece.sources);
    this.#controls(recipe);
    this.locks.compare(piece);
    this.#scoreOf("b");
    this.#address(this.#query(piece));
    this.#gate();
    const [old, step] = [this.#old, this.#now];
    try {
      const [a, b] = await Promise.all([this.sounds.of(old), piece ? this.sounds.of(piece) : NOBODY]);
      if (this.#old !== old || this.#now !== step) return;
      this.bench.show({ a, b });
      this.#said(`${done}${this.#note}${this.#summary()}`);
    } catch (error) {
      this.#said(`${capital(sorry(error))} Reload the page to try again.`);
    }
    this.#gate();
  }

  #summary() {
    const { piece, ...recipe } = this.#now;
    const title = this.#old.title ? `“${this.#old.title}”. ` : "";
    if (!piece) return `${title}Turn, borrow or lock something, and the new piece plays beside the old one.`;
    const told = inWords(recipe);
    if (!told) return `${title}The same styles, played anew.`;
    return `${title}${told} Go over between old and new while it plays.`;
  }

  /** A seed beyond all that were used. */
  #unused() {
    const known = this.#steps.map((step) => step.seed);
    return Math.max(this.#asked.seed, ...known, ...this.variations.seeds) + 1;
  }

  #take(piece) {
    this.#hush(this.bench);
    this.#forget();
    this.dials.learn(piece.sources);
    this.#push({ ...recipeOf(piece.recipe), piece });
  }

  async #share() {
    try {
      const { url } = await api.studio.link(this.#now.piece.name);
      offerLink(this.find("[data-dialog=studio-link]"), url);
    } catch (error) {
      this.#said(capital(sorry(error)));
    }
  }

  async #offer() {
    const { piece } = this.#now;
    this.find("[data-do=offer]").disabled = true;
    this.#said("Making a pair of new and old…");
    try {
      await api.studio.offer(piece.name);
      this.#offered.add(piece.name);
      this.#said("New against old waits among your next pairs; you will not be told which is which.");
    } catch (error) {
      this.#said(capital(sorry(error)));
    }
    this.#gate();
  }

  async #save(form) {
    this.find(".k-save").open = false;
    const { piece } = this.#now;
    try {
      saveAs(await api.audio(piece.downloads[form]), piece.title || "studio", form);
    } catch (error) {
      this.#said(capital(sorry(error)));
    }
  }

  async #bring(input) {
    const [file] = input.files;
    input.value = ""; // the same file may be chosen again
    if (!file) return;
    const said = this.#part("upload-error");
    if (file.size > MOST_BYTES) {
      said.textContent =
        `“${file.name}” has ${Math.ceil(file.size / 1024)} KB; at most ${MOST_BYTES / 1024} KB are allowed. ` +
        "Choose a shorter piece: the first eight bars are used.";
      return;
    }
    await this.#begin(() => api.studio.bring(file, this.start.domain));
  }

  #benchChanged() {
    const { playing } = this.bench.player;
    if (!playing) return;
    this.#hush(this.bench);
    this.#scoreOf(playing);
  }

  /** The score is that of the side that sounded last, of a new piece at first. */
  #scoreOf(side) {
    const { piece } = this.#now;
    if (side === "b" && piece) this.score.show(piece, "Score of the new one");
    else if (this.#old) this.score.show(this.#old, "Score of the old one");
  }

  /** One thing sounds at a time. */
  #hush(sounding) {
    if (sounding !== this.bench) this.bench.player.pause();
    for (const list of [this.start.clips, this.variations.clips, this.picker.choices.clips, this.way.clips]) {
      if (list !== sounding) list.pause();
    }
  }

  #key(event) {
    if (!this.#old || event.defaultPrevented || event.target.closest(TYPING)) return;
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
    else if (key === " " && !event.target.closest("button, a, summary, input")) this.bench.tap();
    else return;
    event.preventDefault();
  }

  #gate() {
    const { piece } = this.#now;
    const own = piece?.mine && !this.#fixed;
    const off = {
      undo: this.#at === 0,
      redo: this.#at >= this.#steps.length - 1,
      vary: this.#fixed,
      share: !own,
      offer: Boolean(this.#notOffered(piece)),
      onward: !piece,
    };
    for (const [name, disabled] of Object.entries(off)) this.find(`[data-do=${name}]`).disabled = disabled;
    this.find(".k-save").hidden = !piece;
    const why = this.#part("off");
    why.textContent = this.#notOffered(piece);
    why.hidden = !why.textContent;
  }

  #notOffered(piece) {
    return notOffered(piece, this.#old, { fixed: this.#fixed, offered: this.#offered.has(piece?.name) });
  }

  /** The kind of music whose tab is open, which a file is read as. */
  #readAs() {
    this.#part("read-as").textContent = `, read as ${MUSIC[this.start.domain]}`;
  }

  /** What reopens this piece; one that was brought or is a clip is started from again. */
  #query(piece) {
    if (piece && !piece.mine) return { link: this.#link };
    const shown = piece ?? (this.#old.name.startsWith("pieces/") ? this.#old : null);
    return shown ? { piece: shown.name.split("/")[1] } : {};
  }

  #address(query) {
    const address = new URL(window.location.href);
    for (const name of ["piece", "link"]) address.searchParams.delete(name);
    for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
    window.history.replaceState(null, "", address);
  }

  #said(text) {
    this.#part("said").textContent = text;
  }
}

/** Run the page inside `root` until `signal` aborts. */
export function startStudio(root, signal) {
  const page = new StudioPage(root, signal);
  page.run();
  return page;
}
