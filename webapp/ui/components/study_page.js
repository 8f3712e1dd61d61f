// @ts-check
// A participant's way through a study: each step is drawn as the server says it, and answered until that is acknowledged.

import { dress } from "./shared/dress.js";
import { PAIR } from "./shared/games.js";
import { sayKept } from "./shared/keeping.js";
import { Picking } from "./shared/picking.js";
import { Player, decode } from "./shared/player.js";
import { question } from "./shared/question.js";
import { json, resolve } from "./shared/request.js";
import { ShortFilm } from "./shared/short_film.js";
import { clock } from "./shared/sound_clock.js";
import * as study from "./shared/study.js";
import { choices, element, information, moodForm, paragraphs, thanks } from "./shared/study_forms.js";

/** @typedef {import("./shared/types.js").Game} Game */

const KEPT = { yes: "Your answers so far are kept.", notYet: "Your answers so far are being kept…" };
const HEARD_MS = 3000; // of a clip, before its mood can be rated
const HEARD_SHARE = 0.9; // or this share of one that is shorter
const OVER = "over"; // what ends the pairs: another step has come

class StudyPage {
  /** @type {any} */
  #step = null;
  #token = "";
  /** @type {Picking | null} */
  #picking = null;
  /** @type {() => void} */
  #next = () => {};
  /** @type {(seconds: number) => void} */
  #showFilm = () => {};
  #player = new Player(); // of a clip whose mood is rated
  #tones = new Audio(); // of the headphone check

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    const here = new URL(window.location.href);
    this.key = here.searchParams.get("key") ?? "";
    this.address = here;
    this.part("leave").querySelector("button")?.addEventListener("click", () => this.#withdraw());
  }

  /** @param {string} name */
  part(name) {
    return /** @type {HTMLElement} */ (this.root.querySelector(`[data-part=${name}]`));
  }

  async start() {
    const leaving = new URLSearchParams(this.address.hash.slice(1)).get("withdraw");
    if (leaving) return this.#offerWithdrawal(leaving);
    if (!this.key) return this.#text("No study", "This page opens from the link of a study. Look for the whole link.");
    const token = study.kept.get(this.key);
    if (token) {
      try {
        this.#token = token;
        return this.#show(await this.#ask(() => study.step(token)));
      } catch (/** @type {any} */ error) {
        if (error.status !== 404) throw error;
        study.kept.forget(this.key);
      }
    }
    await this.#arrive();
  }

  /**
   * Ask until there is an answer, and say that it takes long; throws what asking again cannot mend.
   * @template Answer
   * @param {() => Promise<Answer>} ask
   */
  async #ask(ask) {
    const answer = await study.insist(ask, () => this.#say("No connection. Trying again…"));
    this.#say("");
    return answer;
  }

  /** Somebody new: what the study is about, and whether they agree. */
  async #arrive() {
    const about = await this.#ask(() => study.look(this.key));
    document.title = about.title;
    this.part("preview").hidden = !about.preview;
    if (about.closed) return this.#text(about.title, about.closed);
    const form = information(about);
    this.#draw(form);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const age = Number(new FormData(form).get("age"));
      const token = study.kept.get(this.key) ?? study.newToken();
      this.#act(form, async () => {
        const panel = this.address.searchParams.get(about.panel_parameter) ?? "";
        const first = await this.#ask(() =>
          study.join({ key: this.key, participant: token, age, consent_version: about.consent_version, panel_id: panel }),
        );
        study.kept.set(this.key, token);
        this.#token = token;
        this.#show(first);
      });
    });
  }

  /** @param {any} step */
  #show(step) {
    this.#step = step;
    document.title = step.title;
    sayKept(this.part("kept"), step.kept, () => study.answersKept(this.#token), KEPT);
    this.part("preview").hidden = !step.preview;
    this.part("leave").hidden = ["thanks", "ended"].includes(step.step);
    this.#silence();
    if (step.step === "pair") return this.#pair();
    this.part("pairs").hidden = true;
    this.part("text").hidden = false;
    if (step.step === "headphones") return this.#headphones(step);
    if (step.step === "questions") return this.#questions(step);
    if (step.step === "mood") return this.#mood(step);
    if (step.step === "break") return this.#rest(step);
    if (step.step === "thanks") return this.#draw(thanks(step, this.#withdrawalLink(), () => this.#withdraw()));
    return this.#text(step.title, "This study has ended. Thank you for coming.");
  }

  /** What sounded in a step ends with it; the player of pairs ends by itself. */
  #silence() {
    this.#tones.pause();
    this.#player.load({});
  }

  /** @param {any} step */
  #questions(step) {
    const form = choices(step);
    this.#draw(form);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const answers = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
      this.#act(form, async () => this.#show(await this.#ask(() => study.answerQuestions(this.#token, step.part, answers))));
    });
  }

  /** @param {any} step */
  #headphones(step) {
    const room = element("section");
    const again = step.again && !step.done ? "That was hard to hear. Check that both sides of your headphones work, and try once more. " : "";
    room.append(
      element("h1", "Please put on headphones"),
      ...paragraphs(`${again}Choose a quiet place and a comfortable volume. You hear three tones: which one is the quietest? (${step.done + 1} of ${step.of})`),
    );
    const play = /** @type {HTMLButtonElement} */ (element("button", "Play the tones", { type: "button", class: "k-solid", "data-testid": "study-tones" }));
    const tones = element("div", "", { class: "k-study-tones", role: "group", "aria-label": "The quietest tone" });
    const buttons = [1, 2, 3].map((tone) => {
      const button = /** @type {HTMLButtonElement} */ (element("button", `Tone ${tone}`, { type: "button", class: "k-quiet", "data-testid": `study-tone-${tone}` }));
      button.disabled = true;
      button.addEventListener("click", () =>
        this.#act(room, async () => this.#show(await this.#ask(() => study.answerCheck(this.#token, step.number, tone)))),
      );
      return button;
    });
    tones.append(...buttons);
    room.append(play, tones);
    const sound = (this.#tones = new Audio());
    sound.addEventListener("ended", () => buttons.forEach((button) => (button.disabled = false)));
    const address = this.#ask(() => study.checkSound(this.#token));
    address.catch(() => {}); // said where it is played
    play.addEventListener("click", async () => {
      try {
        sound.src ||= await address;
        if (!room.isConnected) return;
        sound.currentTime = 0;
        await sound.play();
      } catch (error) {
        if (room.isConnected) this.#fail(error);
      }
    });
    this.#draw(room);
  }

  /**
   * A clip whose mood is rated, once it was heard and both sliders were moved.
   * @param {any} step
   */
  #mood(step) {
    const form = moodForm(step);
    const part = (/** @type {string} */ name) => /** @type {HTMLButtonElement} */ (form.querySelector(`[data-part=${name}]`));
    const sliders = /** @type {HTMLInputElement[]} */ ([...form.querySelectorAll("input[type=range]")]);
    const [play, go, hint] = ["play", "go", "hint"].map(part);
    const moved = new Set();
    const player = this.#player;
    const mayGo = () => {
      const heard = player.heardMs("a") >= Math.min(HEARD_MS, HEARD_SHARE * player.duration("a") * 1000);
      play.textContent = player.playing ? "Pause" : "Play";
      go.disabled = play.disabled || !heard || moved.size < sliders.length;
      hint.textContent = !go.disabled ? "" : heard && player.duration("a") ? "Move both sliders to where the music is." : "Listen first.";
    };
    const follow = () => {
      mayGo();
      if (form.isConnected && player.playing) clock.frame(follow);
    };
    player.addEventListener("change", follow);
    play.addEventListener("click", () => {
      player.unlock();
      player.toggle("a");
    });
    for (const slider of sliders) {
      slider.addEventListener("input", () => {
        moved.add(slider.name);
        mayGo();
      });
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      player.pause();
      const mood = sliders.map((slider) => Number(slider.value) / 100);
      const heard = player.heardMs("a");
      this.#act(form, async () => {
        const answer = { outcome: "rated", heard_ms: { left: heard, right: heard }, mood };
        const next = await this.#ask(() => study.answerTrial(this.#token, step.trial.offer_id, answer));
        player.removeEventListener("change", follow);
        this.#show(next);
      });
    });
    this.#draw(form);
    mayGo();
    this.#ask(async () => decode(await study.bytesOf(resolve(step.trial.clip.audio_url)))).then((buffer) => {
      if (!form.isConnected) return;
      player.load({ a: buffer });
      play.disabled = false;
      mayGo();
    }, (error) => this.#fail(error));
  }

  /** @param {any} step */
  #rest(step) {
    const room = element("section");
    room.append(element("h1", "Time for a break"), ...paragraphs(`You have heard ${step.done} of ${step.of}. Rest your ears, and go on when you like.`));
    const go = element("button", "Go on", { type: "button", class: "k-solid", "data-testid": "study-go-on" });
    go.addEventListener("click", () => this.#act(room, async () => this.#show(await this.#ask(() => study.rest(this.#token)))));
    room.append(go);
    this.#draw(room);
  }

  /** The pair of the current step, in the player of pairs. */
  #pair() {
    const { question: asked, ties, trial, done, of } = this.#step;
    this.part("text").hidden = true;
    this.part("pairs").hidden = false;
    this.part("question").textContent = asked;
    this.part("asks").textContent = trial.asks;
    this.part("asks").hidden = !trial.asks;
    this.#beside(trial);
    this.part("place").textContent = `Pair ${done + 1} of ${of}`;
    const progress = /** @type {HTMLProgressElement} */ (this.part("progress"));
    [progress.max, progress.value] = [of, done];
    const equal = /** @type {HTMLElement} */ (this.root.querySelector("[data-outcome=equal]"));
    equal.hidden = !ties;
    if (this.#picking) return this.#next();
    this.#picking = new Picking(this.#game(), this.part("pairs"), () => {});
    this.#picking.stage.player.addEventListener("change", () => this.#follow());
    this.#picking.start().catch((error) => this.#fail(error));
  }

  /**
   * The picture that the music of a pair is for, or the film, which goes on with whatever sounds.
   * @param {{picture?: string, film?: string, offer_id: string}} trial
   */
  #beside({ picture, film, offer_id: id }) {
    const image = /** @type {HTMLImageElement} */ (this.part("picture"));
    image.hidden = !picture;
    if (picture) image.src = resolve(picture);
    const room = /** @type {SVGSVGElement} */ (/** @type {unknown} */ (this.part("film")));
    room.toggleAttribute("hidden", !film);
    this.#showFilm = () => {};
    if (!film) return;
    this.#ask(() => json("GET", film)).then((found) => {
      if (this.#step.trial?.offer_id !== id) return;
      const shown = new ShortFilm(room, found);
      this.#showFilm = (seconds) => shown.show(seconds);
      shown.show(0);
    }, (error) => this.#fail(error));
  }

  /** Let the film go on while something sounds. */
  #follow() {
    const player = this.#picking?.stage.player;
    if (!player) return;
    this.#showFilm(player.position(player.current));
    if (this.root.isConnected && player.playing) clock.frame(() => this.#follow());
  }

  /** Pairs as the player of pairs takes them: one at a time, and what is not a pair waits until one comes. */
  #game() {
    /** @type {Game} */
    const game = {
      ...PAIR,
      outcomes: { 1: "left", 2: "right", ...(this.#step.ties ? { 0: "equal" } : {}) },
      kept: `kallos.study.answer.${this.#token.slice(0, 8)}`,
      ahead: false,
      greet: async () => ({ picks: 0 }),
      greetAgain: async () => ({ picks: 0 }),
      open: async () => {
        while (this.#step.step !== "pair") {
          await new Promise((done) => {
            this.#next = () => done(OVER);
          });
        }
        return [this.#step.trial];
      },
      ballot: (id, outcome, heard) => ({ participant: this.#token, offer_id: id, outcome, heard_ms: { left: heard.a, right: heard.b } }),
      send: async ({ participant, offer_id: id, ...answer }) => {
        try {
          this.#show(await study.answerTrial(participant, id, answer));
        } catch (/** @type {any} */ error) {
          if (error.passing === false) this.#show(await study.step(this.#token));
          throw error;
        }
        return { outcome: answer.outcome, picks: 0, open: [] };
      },
      noted: {},
      begin: "Press play: you hear A, then B.",
    };
    return game;
  }

  #withdrawalLink() {
    const link = new URL("study", document.baseURI);
    link.hash = new URLSearchParams({ withdraw: this.#token }).toString();
    return link.href;
  }

  /** @param {string} token */
  async #offerWithdrawal(token) {
    const room = element("section");
    room.append(element("h1", "Withdraw from the study"), ...paragraphs("Everything that you answered is deleted, for good. What was published before can't be called back."));
    const go = element("button", "Delete my answers", { type: "button", class: "k-solid", "data-testid": "study-delete" });
    go.addEventListener("click", () => this.#act(room, () => this.#leave(token)));
    room.append(go);
    this.#draw(room);
  }

  async #withdraw() {
    const sure = await question("Stop and delete everything?", "All of your answers are deleted, for good. You can't take part again in this browser afterwards as the same person.", "Delete my answers", "Go on");
    if (sure) await this.#leave(this.#token).catch((error) => this.#fail(error));
  }

  /** @param {string} token */
  async #leave(token) {
    await this.#ask(() => study.withdraw(token));
    if (this.key) study.kept.forget(this.key);
    this.part("pairs").hidden = true;
    this.#picking?.stage.clear();
    this.#silence();
    this.part("leave").hidden = true;
    this.part("kept").remove();
    this.#text("You have withdrawn", "All of your answers were deleted. Thank you for your time.");
  }

  /**
   * @param {string} title
   * @param {string} said
   */
  #text(title, said) {
    const room = element("section");
    room.append(element("h1", title), ...paragraphs(said));
    this.#draw(room);
  }

  /** @param {HTMLElement} room */
  #draw(room) {
    this.part("text").hidden = false;
    this.part("text").replaceChildren(room);
    window.scrollTo({ top: 0 });
    const title = room.querySelector("h1");
    if (title) title.tabIndex = -1;
    title?.focus({ preventScroll: true }); // the keyboard goes on from here, and the step is read out
  }

  /**
   * Do what was asked for once, whatever is pressed meanwhile.
   * @param {HTMLElement} room
   * @param {() => Promise<void>} act
   */
  async #act(room, act) {
    if (room.inert) return;
    room.inert = true;
    try {
      await act();
    } catch (error) {
      this.#fail(error);
    }
    room.inert = false;
  }

  /** @param {any} error */
  #fail(error) {
    this.#say(error.message || "Something went wrong on our side. Please try again.");
    if (!error.status) throw error;
  }

  /** @param {string} text */
  #say(text) {
    this.part("error").textContent = text;
  }
}

/** @param {import("./shared/types.js").GradioComponent} component */
export async function start({ element: place }) {
  const root = /** @type {HTMLElement} */ (place.querySelector(".kallos"));
  await dress(place, import.meta.url, "shared/clip.css", "pair_player.css", "study_page.css");
  const page = new StudyPage(root);
  await page.start().catch((/** @type {any} */ error) => {
    const said = /** @type {HTMLElement} */ (root.querySelector("[data-part=text]"));
    said.replaceChildren(element("h1", "This did not work"), ...paragraphs(error.message || "Please load the page again."));
  });
}
