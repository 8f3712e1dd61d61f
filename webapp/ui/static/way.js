// The way to another piece: steps between the two that play, going over at the same place in the music.

import * as api from "./api.js";
import { ClipList } from "./clip_list.js";
import { asClip } from "./dials.js";
import { capital, describe, percent } from "./words.js";

const STEPS = 5;

export class Way {
  #shown = ""; // between which two pieces the steps on the page lie

  /** `onTake(piece)` takes a step; `onPlay(list)` when one begins to sound; `say(text)` tells how it goes. */
  constructor(root, signal, { onTake, onPlay, say }) {
    this.button = root.querySelector("[data-do=way]");
    this.list = root.querySelector("[data-part=way]");
    this.off = root.querySelector("[data-part=way-off]");
    this.say = say;
    this.clips = new ClipList(this.list, signal, { action: "Take", onAction: ({ piece }) => onTake(piece), together: true });
    this.clips.addEventListener("play", () => onPlay(this.clips));
    this.button.addEventListener("click", () => this.#compose(), { signal });
  }

  /** Between which pieces the way leads now; `toward` null where nothing was chosen. */
  lead(old, toward, fixed = false) {
    [this.old, this.toward] = [old, toward];
    this.button.disabled = fixed || !toward;
    this.off.hidden = !this.button.disabled;
    this.off.textContent = fixed
      ? "This recipe can only be looked at: go on from the new one to change it."
      : "Choose a second piece first: the way leads from this one to it.";
    this.list.hidden = !toward || this.#shown !== `${old.name} ${toward.source}`;
    if (this.list.hidden) this.clips.pause();
  }

  async #compose() {
    const { old, toward } = this;
    this.button.disabled = true;
    this.say(`Composing ${STEPS} steps…`);
    try {
      const [made, other] = await Promise.all([
        api.studio.interpolate({ content: old.name, toward: toward.source, steps: STEPS }),
        api.studio.open(toward.source),
      ]);
      if (this.old !== old || this.toward?.source !== toward.source) return;
      const steps = made.map((piece) => ({ ...this.#row(piece, percent(piece.recipe.toward.strength)), piece }));
      this.clips.show([this.#end(old, "Here"), ...steps, this.#end(other, "There")]);
      this.#shown = `${old.name} ${toward.source}`;
      this.say("Play a step, then another while it sounds: the music goes on at the same place.");
    } catch (error) {
      if (this.old === old) this.say(capital(error.message || "That did not work; nothing is lost."));
    } finally {
      if (this.old) this.lead(this.old, this.toward);
    }
  }

  #end(piece, heading) {
    return { ...this.#row(piece, heading), piece: null };
  }

  #row(piece, heading) {
    return { ...asClip({ ...piece, title: "" }), notes_url: `/api/studio/${piece.name}`, heading, detail: describe(piece.traits) };
  }
}
