// @ts-check
// Picking, of two or of four: gathers the answer, and has what is next sounding before the answer is stored.

import * as api from "./api.js";
import { BallotBox } from "./ballot.js";
import { given } from "./games.js";
import { sayKept } from "./keeping.js";
import { isOurs, standsOnButton } from "./keys.js";
import { whileOn } from "./lifetime.js";
import { counted, hintInWords, refusalInWords, waitInWords } from "./picking_words.js";
import { Stage } from "./stage.js";
import { Table } from "./table.js";

/** @typedef {import("./types.js").Game} Game */
/** @typedef {import("./types.js").Laid} Laid */

const LOOK_AHEAD_S = 2;

export class Picking {
  #inFlight = false;
  #askAgain = false; // another domain was chosen while something was on its way
  #lost = false; // the vote in flight waits for a connection
  /** @type {import("./types.js").Counted} */
  #counted = { picks: 0 };
  #ofPictures = false; // what was chosen, as far as is known before it is there
  #clicked = 0; // when the last vote was given, until the next pair sounds
  /** @type {string | undefined} */
  #picked; // the clip that was picked last
  /** @type {string | null} */
  #told = null; // the side that Gradio knows to sound
  /** @type {{id: string, heard: Record<string, number>} | null} */
  #last = null; // what was answered last, should the answer be taken back

  /**
   * @param {Game} game
   * @param {HTMLElement} root
   * @param {(event: string, data: any) => void} tell tells Gradio: `vote`, `undone`, `select`
   */
  constructor(game, root, tell) {
    this.game = game;
    this.root = root;
    this.tell = tell;
    this.answers = /** @type {HTMLButtonElement[]} */ ([...root.querySelectorAll(".k-answer")]);
    this.table = new Table(game, () => this.#say(`Loading the next ${game.called} takes longer than usual. Trying again…`));
    this.box = new BallotBox(game, (error) => this.#waiting(error));
    this.stage = new Stage(root);
    this.stage.addEventListener("change", () => this.#gate());
    this.stage.player.addEventListener("change", () => this.#sounding());
    for (const button of this.answers) button.addEventListener("click", () => this.#vote(button.dataset.outcome ?? ""));
    this.undo = /** @type {HTMLButtonElement | null} */ (root.querySelector(".k-undo"));
    this.undo?.addEventListener("click", () => this.#undo());
    whileOn(root, document, "keydown", (event) => this.#key(event));
  }

  /** @param {string} selector */
  find(selector) {
    return /** @type {HTMLElement} */ (this.root.querySelector(selector));
  }

  async start() {
    this.#gate();
    await this.#greet();
    if (this.box.pending) {
      this.#inFlight = true;
      this.#say("Sending your last pick…");
      await this.#send();
    }
    if (!this.stage.pair) await this.#deal();
  }

  /** Learn who is listening; the server makes somebody new where it must. */
  async #greet(greet = this.game.greet) {
    let trouble = false;
    const listener = await greet((_, attempt) => {
      trouble = attempt > 1;
      if (trouble) this.#say("Kallos does not answer. Trying again…");
    });
    if (trouble) this.#say("");
    if (listener.domain) this.#ofPictures = listener.domain === "pictures";
    this.#count(listener);
  }

  /** Ask for the open offers until there is at least one, and put it on the page. */
  async #deal() {
    for (let round = 0; this.root.isConnected; round += 1) {
      /** @type {any} */
      let error = null;
      try {
        const open = await this.game.open();
        if (open.length) {
          this.table.lay(open);
          this.#lookAhead(open);
          this.#show(await this.table.get(this.game.id(open[0])));
          return this.#catchUp();
        }
      } catch (failure) {
        error = failure;
      }
      if (error?.status === 401) await this.#greet(this.game.greetAgain);
      this.#wait(error, round);
      await api.pause(Math.max(error?.retryAfterS ?? 0, round < 20 ? 1 : 3));
    }
  }

  /**
   * Nothing to play yet: say why.
   * @param {any} error
   * @param {number} round
   */
  #wait(error, round) {
    const now = { picks: this.#counted.picks, ofPictures: this.#ofPictures };
    this.find("[data-part=wait]").textContent = waitInWords(error, round, now);
    this.#waitingRoom(true);
  }

  /** @param {boolean} open */
  #waitingRoom(open) {
    this.find(".k-wait").hidden = !open;
    this.find(".k-pair").hidden = open;
    this.find(".k-vote").hidden = open;
  }

  /** @param {Laid} pair */
  #show(pair) {
    this.#waitingRoom(false);
    this.game.hang?.(this.root, pair.offer);
    this.stage.show(pair);
    this.#ofPictures = this.stage.ofPictures;
    this.#tick();
    if (this.#clicked) performance.measure("kallos.next_pair", { start: this.#clicked, end: performance.now() });
    this.#clicked = 0;
    this.#gate();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.root.offsetParent || !isOurs(event)) return;
    const key = event.key.toLowerCase();
    if (key === " ") {
      if (standsOnButton(event.target)) return;
      this.stage.tap();
    } else if (this.stage.sides.includes(key)) this.stage.tap(key);
    else if (key in this.game.outcomes) this.#vote(this.game.outcomes[key]);
    else if (key === "u" && this.undo) this.#undo();
    else return;
    event.preventDefault();
  }

  /** @param {string} outcome */
  async #vote(outcome) {
    const { stage } = this;
    if (!stage.pair || this.#inFlight || (outcome !== "skipped" && stage.unheard().length)) return;
    this.#clicked = performance.now();
    this.#inFlight = true;
    stage.player.pause();
    this.#picked = stage.pair.clips[this.game.winner(outcome) ?? ""]?.clipId;
    const last = (this.#last = { id: stage.pair.offerId, heard: stage.heard() });
    this.box.put(this.game.ballot(last.id, outcome, last.heard));
    this.#say("");
    const next = this.table.readyBeside(last.id);
    if (next) this.#show(next);
    else this.#gate();
    this.#steadyFocus();
    await this.#send();
  }

  /** A button that has just been disabled must not swallow the keyboard. */
  #steadyFocus() {
    const { activeElement } = document;
    if (!(activeElement instanceof HTMLElement) || !activeElement.closest(".k-answer")) return;
    if (activeElement.matches(":focus-visible")) this.stage.foothold?.focus();
    else activeElement.blur();
  }

  async #send() {
    /** @type {any[]} */
    let open = [];
    const ballot = this.box.pending;
    try {
      const reply = await this.box.send();
      ({ open } = reply);
      this.#say(this.#lost ? "Your pick has arrived." : (this.game.noted[reply.outcome] ?? ""));
      this.#count(reply);
      sayKept(this.find(".k-kept"), reply.kept);
      this.#more();
      this.tell("vote", { ...ballot, picks: reply.picks, clip_id: this.#picked ?? null });
    } catch (/** @type {any} */ error) {
      this.#say(refusalInWords(error, this.game));
      if (error.status === 401) await this.#greet(this.game.greetAgain);
      open = await api.insist(this.game.open, () => this.#say("No connection to Kallos. Trying again…")).catch(() => []);
    }
    this.#inFlight = this.#lost = false;
    await this.#follow(open);
    this.#gate();
    await this.#catchUp();
  }

  /** Take the last answer back: its clips are on the page again, heard as they were. */
  async #undo() {
    const last = this.#last;
    if (this.#inFlight || this.undo?.disabled) return;
    this.#inFlight = true;
    this.#gate();
    try {
      const back = await api.undo();
      if (last && last.id === back.id) this.stage.keepHeard(last.id, last.heard);
      this.#last = null;
      this.#picked = undefined;
      this.#count(back);
      this.#more();
      this.tell("undone", back);
      this.#say("");
    } catch (/** @type {any} */ error) {
      this.#say(error.message);
    }
    this.#inFlight = false;
    await this.dealAgain();
  }

  /** Ask which offers are open now: what is on the page stays if it is the first of them. */
  async dealAgain() {
    if (this.#inFlight || !this.stage.pair) {
      this.#askAgain = true; // it is being asked already, perhaps for what was chosen before
      return;
    }
    const open = await this.game.open().catch(() => []);
    if (this.#inFlight || !this.stage.pair) return;
    if (!open.length || this.game.id(open[0]) !== this.stage.pair.offerId) this.stage.clear();
    await this.#follow(open);
  }

  /** Ask for what was chosen meanwhile. */
  async #catchUp() {
    if (!this.#askAgain || this.#inFlight) return;
    this.#askAgain = false;
    await this.dealAgain();
  }

  /** The way to clips like the one that was picked last. */
  #more() {
    const link = /** @type {HTMLAnchorElement | null} */ (this.root.querySelector(".k-more"));
    if (!link) return;
    link.hidden = !this.#picked;
    link.href = `more?clip=${this.#picked}&from=${this.game.called}`;
  }

  /** @param {{status: number}} error */
  #waiting(error) {
    this.#lost = true;
    const why = error.status === 0 ? "No connection." : "Kallos is busy.";
    this.#say(`${why} Your pick is kept and will be sent.`);
    this.#gate();
  }

  /**
   * Lay the open offers out; where what is on the page is none of them, change to the first.
   * @param {any[]} open
   */
  async #follow(open) {
    this.table.lay(open);
    this.#lookAhead(open);
    const { stage } = this;
    if (open.some((offer) => this.game.id(offer) === stage.pair?.offerId)) return;
    stage.clear();
    this.#gate();
    const pair = open.length ? await this.table.get(this.game.id(open[0])).catch(() => null) : null;
    if (pair) this.#show(pair);
    else await this.#deal();
  }

  /**
   * While the pool is so young that there is no second pair, ask again, so that one is loaded before the vote.
   * @param {any[]} open
   */
  async #lookAhead(open) {
    let known = open;
    while (this.game.ahead && known.length === 1 && this.root.isConnected) {
      await api.pause(LOOK_AHEAD_S);
      const found = await this.game.open().catch(() => known);
      const [first] = known.map((offer) => this.game.id(offer));
      if (this.#inFlight || !found.some((offer) => this.game.id(offer) === first)) return;
      known = found;
      this.table.lay(known);
    }
  }

  /** @param {import("./types.js").Counted} found */
  #count(found) {
    this.#counted = found;
    this.find(".k-picks").textContent = counted(found.picks);
    if (this.undo) this.undo.hidden = !found.picks && !this.#last;
    this.#tick();
  }

  /** As many ticks as there are picks of the kind that is compared. */
  #tick() {
    const { picks: all, picks_of_pictures: ofPictures } = this.#counted;
    const picks = ofPictures === undefined ? all : this.#ofPictures ? ofPictures : all - ofPictures;
    this.root.querySelectorAll(".k-ticks i").forEach((tick, index) => tick.classList.toggle("k-done", index < picks));
  }

  /** Which answers are awake, and the one line that says what is missing. */
  #gate() {
    const missing = this.stage.unheard();
    const blocked = !this.stage.pair || this.#inFlight;
    if (this.undo) this.undo.disabled = this.#inFlight;
    for (const button of this.answers) {
      const disabled = blocked || (button.dataset.outcome !== "skipped" && missing.length > 0);
      if (button.disabled !== disabled) button.disabled = disabled;
    }
    const hint = hintInWords(this.game, this.stage, missing, this.#lost);
    const line = this.find(".k-hint");
    if (line.textContent !== hint) line.textContent = hint;
    this.root.classList.toggle("k-ready", !blocked && !missing.length);
  }

  /** Tell Gradio which side sounds now. */
  #sounding() {
    const { playing } = this.stage.player;
    if (playing && playing !== this.#told) this.tell("select", { side: playing });
    this.#told = playing;
  }

  /**
   * Something that repeating cannot mend.
   * @param {any} error
   */
  fail(error) {
    this.#wait(error, 0);
    throw error;
  }

  /** @param {string} text */
  #say(text) {
    const status = this.find(".k-status");
    if (status.textContent !== text) status.textContent = text;
  }
}

/**
 * Pick in `root` from what the server offers, or from what Python gives where the component says so.
 * @param {Game} game
 * @param {import("./types.js").GradioComponent} component
 */
export async function startPicking(game, component) {
  const root = /** @type {HTMLElement} */ (component.element.querySelector(".kallos"));
  const { offered } = component.props;
  const picking = new Picking(offered ? game : given(game, component), root, component.trigger);
  if (offered) component.watch("value", () => picking.dealAgain());
  await picking.start().catch((error) => picking.fail(error));
}
