// Compose for me: what is wished for, how far it is, and what is ready for the next pairs.

import * as api from "./api.js";
import { element } from "./scale.js";
import { capital } from "./words.js";

const POLL_S = 1;
const ABOUT = {
  careful: "What we are surest that you will like.",
  surprise: "Bolder: what you may like most, where your picks leave it open.",
  near: "A piece that you know: some of it is kept, the rest is composed anew to your taste.",
};
const BLIND = "You will meet them blind among your next pairs, so that you can find out whether they are any better.";
const CALLED = { careful: "A gift", surprise: "A surprise", near: "Near a piece" };
const pieces = (count) => (count === 1 ? "One piece" : `${count} pieces`);

export class ComposeForMe {
  #watchers = 0; // how often a job was followed so far; only the newest follower speaks
  #before = 0; // pieces that were there when the job was first seen
  #job = null;

  constructor(root, signal) {
    this.section = root.querySelector(".k-compose");
    this.signal = signal;
    this.find = (selector) => this.section.querySelector(selector);
    this.part = (name) => this.find(`[data-part=${name}]`);
    this.button = this.find("[data-testid=compose]");
    this.button.addEventListener("click", () => this.#compose(), { signal });
    for (const radio of this.section.querySelectorAll("[name=k-wish]")) {
      radio.addEventListener("change", () => this.#choose(), { signal });
    }
    this.part("keep").addEventListener("input", () => this.#showKept(), { signal });
    this.#choose();
  }

  /** Whether there are picks to compose by; `liked`: pieces `[{clip_id, heading}, …]` that one can keep part of. */
  show(there, liked = []) {
    this.section.hidden = !there;
    const select = this.part("near-piece");
    const chosen = select.value;
    select.replaceChildren(
      ...liked.map(({ clip_id: id, heading }) => Object.assign(element("option", "", heading), { value: id })),
    );
    if (liked.some((clip) => clip.clip_id === chosen)) select.value = chosen;
    this.#choose();
  }

  get #mode() {
    return this.find("[name=k-wish]:checked").value;
  }

  #choose() {
    const near = this.#mode === "near";
    const none = near && !this.part("near-piece").options.length;
    this.part("wish-about").textContent = none
      ? "None of the pieces you like is of the music that you listen to now. Pick from a few more pairs first."
      : ABOUT[this.#mode];
    this.part("near").hidden = !near || none;
    this.button.disabled = none;
    this.#showKept();
  }

  #showKept() {
    const { value } = this.part("keep");
    this.part("kept").textContent = `${value} %`;
    this.part("keep").setAttribute("aria-valuetext", `${value} % of the piece is kept`);
  }

  #wish() {
    if (this.#mode !== "near") return { mode: this.#mode };
    return { mode: "near", near: this.part("near-piece").value, keep: Number(this.part("keep").value) / 100 };
  }

  async #compose() {
    this.button.disabled = true;
    this.part("compose-error").textContent = "";
    try {
      await api.compose(this.#wish());
    } catch (error) {
      this.part("compose-error").textContent = `${capital(error.message || "that did not work; please try again")}.`;
      return;
    } finally {
      this.button.disabled = false;
    }
    await this.watch();
  }

  /** Follow the job until it is done; silent where there never was one. A later call takes over. */
  async watch() {
    this.#watchers += 1;
    const number = this.#watchers;
    for (let attempt = 0; !this.signal.aborted; ) {
      try {
        const state = await api.composing();
        if (number !== this.#watchers || !this.#tell(state)) return;
        await api.pause(POLL_S);
      } catch (error) {
        if (!error.passing) throw error;
        await api.pause(api.backOffS((attempt += 1), error));
      }
    }
  }

  /** Say how far the job is; true while it is still going on. */
  #tell(told) {
    const { job_id: job, state, progress } = told;
    const clips = told.clips.filter((clip) => clip.mode !== "studio"); // which are offered, but no job's
    const going = ["waiting", "running"].includes(state);
    if (going && job !== this.#job) {
      this.#job = job;
      this.#before = clips.length;
    }
    this.#say(going ? this.#underWay(told) : this.#ended(state, clips));
    this.#coming(going || job === this.#job ? clips.slice(this.#before) : []);
    const bar = this.part("progress");
    bar.hidden = state !== "running" || !progress;
    if (progress) {
      bar.max = progress.ideas + progress.ideas * progress.pieces; // rendering takes longer than drawing
      bar.value = progress.drawn + progress.ideas * progress.rendered;
    }
    return going;
  }

  #underWay({ state, progress, wish }) {
    if (state === "waiting" || !progress) return "In the queue…";
    const { drawn, scored, ideas, rendered, pieces: wanted } = progress;
    if (drawn < ideas) return `Drawing ideas${wish?.mode === "near" ? " near your piece" : ""}: ${drawn} of ${ideas}.`;
    if (scored < ideas) return `Weighing ${ideas} ideas by your taste…`;
    if (rendered < wanted) return `${ideas} ideas weighed by your taste. Composed and rendered: ${rendered} of ${wanted}.`;
    return `Composed and rendered: ${rendered} of ${wanted}. Now what they have to beat is composed.`;
  }

  #ended(state, clips) {
    if (state === "failed") return "Composing failed this time. Your picks are safe; please try again.";
    if (!clips.length) return `New pieces, searched for by your taste. ${BLIND}`;
    const waiting = clips.filter((clip) => !clip.met).length;
    const made = `${pieces(clips.length)} ${clips.length === 1 ? "has" : "have"} been composed for you.`;
    if (!waiting) return `${made} You have met ${clips.length === 1 ? "it" : "them all"}.`;
    const all = clips.length === 1 ? "It" : "They";
    const which = waiting === clips.length ? all : `${waiting} of them`;
    return `${made} ${which} will be offered blind among your next pairs.`;
  }

  /** The pieces of this job as they come; which is which stays a secret until they are met. */
  #coming(clips) {
    const list = this.part("coming");
    list.replaceChildren(
      ...clips.map((clip, index) => {
        const where = clip.met ? "you have met it" : "ready, waits blind in your next pairs";
        return element("li", "", `${CALLED[clip.mode]} ${index + 1}: ${where}`);
      }),
    );
    list.hidden = !clips.length;
  }

  #say(text) {
    const line = this.find(".k-compose-text");
    if (line.textContent !== text) line.textContent = text;
  }
}
