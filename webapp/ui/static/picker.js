// The dialogue in which a listener listens around and chooses from whom to borrow; clips, own files, tunes by title.

import * as api from "./api.js";
import { ClipList } from "./clip_list.js";
import { asClip, asTune } from "./dials.js";

const FEW = 12;
const MANY = 48;
const TYPING_MS = 250;

/**
 * Choices of one domain as a list: fills `list`, tells what is wrong in `said`, shows more on `more`. `finder`: the form
 * in which a tune's title is looked for, and `found`, where it is told how many there are; both may be missing.
 */
export class Choices {
  #limit = FEW;
  #asked = 0;
  #style = "";
  #words = "";

  constructor({ list, said, more, radios, finder = null, found = null }, signal, options) {
    Object.assign(this, { said, more, radios, finder, found, signal });
    this.clips = new ClipList(list, signal, options);
    const reload = (limit) => {
      this.#limit = limit;
      this.load();
    };
    more.addEventListener("click", () => reload(MANY), { signal });
    for (const radio of radios) radio.addEventListener("change", () => reload(FEW), { signal });
    if (!finder) return;
    this.input = finder.querySelector("input");
    let timer = 0;
    const find = () => {
      window.clearTimeout(timer);
      if (this.input.value.trim() === this.#words) return;
      this.#words = this.input.value.trim();
      reload(FEW);
    };
    this.input.addEventListener("input", () => {
      window.clearTimeout(timer);
      timer = window.setTimeout(find, TYPING_MS);
    }, { signal });
    finder.addEventListener("submit", (event) => {
      event.preventDefault();
      find();
    }, { signal });
    this.#offerFinder();
  }

  get domain() {
    return this.radios.find((radio) => radio.checked)?.value ?? "pop";
  }

  set domain(domain) {
    for (const radio of this.radios) radio.checked = radio.value === domain;
  }

  /** Look for nothing any more. */
  forgetWords() {
    this.#words = "";
    if (this.input) this.input.value = "";
  }

  /** Open what was chosen: a tune of a collection is taken into the studio first. */
  open(choice) {
    return choice.address ? api.studio.takeTune(choice.address) : api.studio.open(choice.name);
  }

  /** Ask until there is something to choose; a later call takes over. `waits(true)` while there is nothing yet. */
  async load(style = this.#style, waits = () => {}) {
    this.#style = style;
    this.#asked += 1;
    const number = this.#asked;
    for (let attempt = 0; !this.signal.aborted && number === this.#asked; attempt += 1) {
      try {
        const { clips, more } = await (this.#words ? this.#tunes() : this.#choices(style));
        if (number !== this.#asked) return;
        waits(false);
        this.said.textContent = "";
        this.more.hidden = !more || this.#limit === MANY;
        this.clips.show(clips);
        return;
      } catch (error) {
        if (number !== this.#asked) return;
        if (error.passing === false) {
          this.said.textContent = error.message || "That did not work. Please load the page again.";
          return;
        }
        waits(error.status === 503 && !this.#words);
        if (error.status !== 503) this.said.textContent = "No connection to Kallos. Trying again…";
        await api.pause(api.backOffS(attempt, error));
      }
    }
  }

  async #choices(style) {
    const choices = await api.studio.choices(this.domain, this.#limit);
    if (this.found && !this.#words) this.#tell(this.collections);
    return { clips: choices.map((choice) => asClip(choice, style)), more: choices.length >= this.#limit };
  }

  async #tunes() {
    const words = this.#words;
    const { tunes, found, collections } = await api.studio.tunes(words, this.domain, this.#limit);
    if (words === this.#words) this.#tell(collections, found, words);
    return { clips: tunes.map(asTune), more: found > tunes.length };
  }

  async #offerFinder() {
    for (let attempt = 0; !this.signal.aborted && !this.collections; attempt += 1) {
      try {
        this.collections = (await api.studio.tunes("", this.domain, 1)).collections;
        this.finder.hidden = !this.collections.length;
        if (!this.#words) this.#tell(this.collections);
      } catch (error) {
        if (error.passing === false) return;
        await api.pause(api.backOffS(attempt, error));
      }
    }
  }

  /** Where tunes are looked for, or how many there are. */
  #tell(collections, found = null, words = "") {
    if (!collections) return;
    const numbers = found === 0 && this.domain === "chorale" ? " Chorales go by their number, such as 227." : "";
    this.found.textContent = counted(collections, found, words) + numbers;
  }
}

function counted(collections, found, words) {
  if (!collections.length) return "There is no collection of tunes here that may be played.";
  if (found === null) return `Titles are looked for in ${listed(collections)}; pop piano has no collection that may be played.`;
  if (!found) return `No title has “${words}” in it. Try fewer words, or a part of one.`;
  return found === 1 ? `One piece with “${words}” in its title.` : `${found} pieces with “${words}” in their titles.`;
}

const listed = (names) => (names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0]);

export class Picker {
  #onPick = null;

  constructor(root, signal, onPlay) {
    this.dialog = root.querySelector("[data-dialog=picker]");
    const part = (name) => this.dialog.querySelector(`[data-part=${name}]`);
    this.title = part("title");
    this.choices = new Choices(
      {
        list: part("picks"),
        said: part("picker-said"),
        more: this.dialog.querySelector("[data-do=more-picks]"),
        radios: [...this.dialog.querySelectorAll("[name=k-picker-domain]")],
        finder: part("finder"),
        found: part("found"),
      },
      signal,
      { action: "Borrow", onAction: (clip) => this.#picked(clip) },
    );
    this.choices.clips.addEventListener("play", onPlay);
    this.dialog.addEventListener("close", () => this.choices.clips.pause(), { signal });
  }

  /**
   * Open for one style, or "toward" for all of a piece; `onPick(choice)` is called when something was chosen. `title` and
   * `action`: what the dialogue and its buttons say, where that is not borrowing.
   */
  open(group, domain, onPick, { title = "", action = "" } = {}) {
    this.#onPick = onPick;
    this.title.textContent = title || (group === "toward" ? "Go on the way to…" : `Borrow the ${group} of…`);
    this.choices.clips.action = action || (group === "toward" ? "Go there" : "Borrow");
    this.choices.domain = domain;
    this.choices.forgetWords();
    this.dialog.showModal();
    this.choices.load(group);
  }

  /** A tune is taken into the studio before it is borrowed from. */
  async #picked(clip) {
    const pick = this.#onPick;
    let choice = clip;
    if (clip.address) {
      this.choices.said.textContent = "Opening…";
      try {
        choice = await this.choices.open(clip);
      } catch (error) {
        this.choices.said.textContent = error.message || "That did not work. Please try again.";
        return;
      }
      this.choices.said.textContent = "";
      if (!this.dialog.open || pick !== this.#onPick) return; // closed meanwhile
      this.choices.domain = choice.domain;
    }
    this.dialog.close();
    pick(choice);
  }
}
