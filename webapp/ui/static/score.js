// The score of what sounds last, drawn by abcjs, which is fetched when somebody first asks for a score.

import * as api from "./api.js";

const SCRIPT = new URL("./components/vendor/abcjs-6.7.2.min.js", import.meta.url).href;
const NARROW_PX = 620;

let library = null;

function abcjs() {
  library ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = SCRIPT;
    script.onload = () => done(window.ABCJS);
    script.onerror = () => {
      library = null; // another try may succeed
      script.remove();
      failed(new Error("The score could not be drawn; nothing is lost. Try again."));
    };
    document.head.append(script);
  });
  return library;
}

export class Score {
  #piece = null;
  #title = "";
  #texts = new Map(); // name of a piece → its ABC
  #drawn = "";

  constructor(root, signal) {
    this.button = root.querySelector("[data-do=score]");
    this.section = root.querySelector(".k-score");
    this.title = this.section.querySelector("h2");
    this.paper = this.section.querySelector("[data-part=paper]");
    this.said = this.section.querySelector("[data-part=score-said]");
    this.button.addEventListener("click", () => this.#toggle(), { signal });
    const resized = new ResizeObserver(() => this.#draw());
    resized.observe(this.section);
    signal.addEventListener("abort", () => resized.disconnect());
  }

  /** The piece whose score is wanted, and what stands above it. */
  show(piece, title) {
    [this.#piece, this.#title] = [piece, title];
    this.#draw();
  }

  #toggle() {
    this.section.hidden = !this.section.hidden;
    this.button.setAttribute("aria-expanded", !this.section.hidden);
    this.#draw();
    if (!this.section.hidden) this.section.scrollIntoView({ block: "nearest" });
  }

  async #draw() {
    const piece = this.#piece;
    const width = Math.floor(this.paper.clientWidth);
    if (this.section.hidden || !piece || !width || this.#drawn === `${piece.name} ${width}`) return;
    this.title.textContent = this.#title;
    try {
      const [{ renderAbc }, text] = await Promise.all([abcjs(), this.#text(piece)]);
      if (piece !== this.#piece || this.section.hidden) return;
      const narrow = width < NARROW_PX;
      renderAbc(this.paper, text, {
        responsive: "resize",
        staffwidth: narrow ? 2 * width : width, // more music a line than life-size notes would leave
        wrap: { minSpacing: 1.2, maxSpacing: 2.5, preferredMeasuresPerLine: narrow ? 2 : 4 },
        paddingleft: 0,
        paddingright: 0,
        foregroundColor: "currentColor",
        ariaLabel: this.title.textContent,
      });
      this.#drawn = `${piece.name} ${width}`;
      this.said.textContent = "";
    } catch (error) {
      this.said.textContent = error.message || "The score could not be drawn; nothing is lost. Try again.";
    }
  }

  /** Tempi of each bar would crowd the staff, and the page has the title already. */
  async #text(piece) {
    if (!this.#texts.has(piece.name)) {
      const text = new TextDecoder().decode(await api.audio(piece.score_url));
      this.#texts.set(piece.name, text.replaceAll(/\[Q:[^\]]*\]/g, "").replace(/^T:.*\n/gm, ""));
    }
    return this.#texts.get(piece.name);
  }
}
