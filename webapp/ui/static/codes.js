// What the learned codes mean: of one code and one kind of music, pieces by its values that play, and a sentence.

import * as api from "./api.js";
import { ClipList } from "./clip_list.js";
import { capital } from "./words.js";

const ENDS = { 0: ", the lowest", 4: ", the highest" };

export class Codes {
  #found = {}; // kind of music → what the server told
  #number = 0; // of what was asked for last

  constructor(root, signal, onPlay) {
    this.section = root.querySelector(".k-codes");
    this.clips = new ClipList(this.part("pieces"), signal);
    this.clips.addEventListener("play", onPlay);
    for (const radio of this.#radios("k-codes-domain")) radio.addEventListener("change", () => this.look(), { signal });
    for (const radio of this.#radios("k-codes-code")) radio.addEventListener("change", () => this.#show(), { signal });
  }

  part(name) {
    return this.section.querySelector(`[data-part=${name}]`);
  }

  #radios(name) {
    return [...this.section.querySelectorAll(`[name=${name}]`)];
  }

  #chosen(name) {
    return this.#radios(name).find((radio) => radio.checked)?.value;
  }

  pause() {
    this.clips.pause();
  }

  /** Ask for the pieces of the kind of music that is chosen. */
  async look() {
    const domain = this.#chosen("k-codes-domain");
    this.#number += 1;
    const number = this.#number;
    this.pause();
    if (!this.#found[domain]) {
      this.section.setAttribute("aria-busy", "true");
      this.part("told").textContent = "Listening through the pieces…";
      try {
        this.#found[domain] = await api.codes(domain);
      } catch (error) {
        if (number === this.#number) this.part("told").textContent = capital(error.message || "that did not work.");
      }
    }
    if (number !== this.#number) return;
    this.section.setAttribute("aria-busy", "false");
    this.#show();
  }

  #show() {
    const found = this.#found[this.#chosen("k-codes-domain")];
    const code = found?.codes.find((each) => String(each.code) === this.#chosen("k-codes-code"));
    if (!code) return;
    const missing = [0, 1, 2, 3, 4].filter((level) => !code.pieces.some((piece) => piece.level === level));
    const without = missing.length ? ` Nothing here has the value ${missing.map((level) => level + 1).join(", ")}.` : "";
    this.part("told").textContent = `Code ${code.code}: ${code.told}${without}`;
    this.clips.show(
      code.pieces.map((piece) => ({
        ...piece,
        heading: `Value ${piece.level + 1} of 5${ENDS[piece.level] ?? ""}`,
        detail: `${piece.title} (${piece.from})`,
      })),
    );
    const { about, fill } = found;
    this.part("codes-about").textContent = about
      ? `Measured and chosen by ${about.version} among ${about.data.n} pieces (data ${about.data.hash}), commit ` +
        `${about.commit.slice(0, 12)}, seed ${about.seed}.${fill ? ` Another model plays now; this asks it: ${fill}` : ""}`
      : `No real pieces are saved for this model; these are composed ones. This chooses them: ${fill}`;
    this.part("codes-csv").hidden = !about;
  }
}
