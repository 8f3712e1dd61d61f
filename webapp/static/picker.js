// The dialogue in which a listener listens around and chooses from whom to borrow.

import * as api from "./api.js";
import { ClipList } from "./clip_list.js";
import { asClip } from "./dials.js";

const FEW = 12;
const MANY = 48;

/** Choices of one domain as a list: fills `list`, tells what is wrong in `said`, shows more on `more`. */
export class Choices {
  #limit = FEW;
  #asked = 0;
  #style = "";

  constructor({ list, said, more, radios }, signal, options) {
    Object.assign(this, { said, more, radios, signal });
    this.clips = new ClipList(list, signal, options);
    more.addEventListener("click", () => {
      this.#limit = MANY;
      this.load();
    }, { signal });
    for (const radio of radios) {
      radio.addEventListener("change", () => {
        this.#limit = FEW;
        this.load();
      }, { signal });
    }
  }

  get domain() {
    return this.radios.find((radio) => radio.checked)?.value ?? "pop";
  }

  set domain(domain) {
    for (const radio of this.radios) radio.checked = radio.value === domain;
  }

  /** Ask until there is something to choose; a later call takes over. `waits(true)` while there is nothing yet. */
  async load(style = this.#style, waits = () => {}) {
    this.#style = style;
    this.#asked += 1;
    const number = this.#asked;
    for (let attempt = 0; !this.signal.aborted && number === this.#asked; attempt += 1) {
      try {
        const found = await api.studio.choices(this.domain, this.#limit);
        if (number !== this.#asked) return;
        waits(false);
        this.said.textContent = "";
        this.more.hidden = found.length < this.#limit || this.#limit === MANY;
        this.clips.show(found.map((choice) => asClip(choice, style)));
        return;
      } catch (error) {
        if (number !== this.#asked) return;
        if (error.passing === false) {
          this.said.textContent = error.message || "That did not work. Please load the page again.";
          return;
        }
        waits(error.status === 503);
        if (error.status !== 503) this.said.textContent = "No connection to Kallos. Trying again…";
        await api.pause(api.backOffS(attempt, error));
      }
    }
  }
}

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
    this.dialog.showModal();
    this.choices.load(group);
  }

  #picked(clip) {
    this.dialog.close();
    this.#onPick(clip);
  }
}
