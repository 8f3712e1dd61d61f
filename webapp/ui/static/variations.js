// Variations of what is on the bench: the same recipe with other seeds, the best for this listener first.

import * as api from "./api.js";
import { ClipList } from "./clip_list.js";
import { asClip } from "./dials.js";
import { capital, describe } from "./words.js";

const VARIATIONS = 4;

export class Variations {
  /** Seeds of the variations on the page. */
  seeds = [];
  #cleared = 0; // how often: variations of what was on the bench before are dropped

  constructor(root, signal, { onTake, say }) {
    this.button = root.querySelector("[data-do=vary]");
    this.section = root.querySelector(".k-variations");
    this.order = this.section.querySelector("[data-part=variations-order]");
    this.say = say;
    this.clips = new ClipList(this.section.querySelector("[data-part=variations]"), signal, {
      action: "Take",
      onAction: ({ piece }) => onTake(piece),
    });
  }

  clear() {
    this.#cleared += 1;
    this.section.hidden = true;
    this.clips.pause();
  }

  /** Compose a recipe with the next few seeds; `picks`: how many this listener has made. */
  async compose(recipe, picks) {
    const cleared = this.#cleared;
    this.button.disabled = true;
    this.say(`Composing ${VARIATIONS} variations…`);
    try {
      const made = await api.studio.vary({ ...recipe, count: VARIATIONS });
      if (cleared !== this.#cleared) return;
      this.seeds = made.map((piece) => piece.recipe.seed);
      this.section.hidden = false;
      this.order.textContent = picks
        ? "What your picks say you would like best comes first."
        : "In no order: once you have picked a few pairs, the best for you comes first.";
      this.clips.show(made.map((piece, index) => this.#row(piece, index)));
      this.say("Listen, and take the one you like.");
      this.section.scrollIntoView({ block: "nearest" });
    } catch (error) {
      if (cleared === this.#cleared) this.say(capital(error.message || "That did not work; nothing is lost."));
    } finally {
      this.button.disabled = false;
    }
  }

  #row(piece, index) {
    const own = { ...asClip({ ...piece, title: "" }), piece, notes_url: `/api/studio/${piece.name}` };
    return { ...own, heading: `No. ${index + 1}`, detail: describe(piece.traits) };
  }
}
