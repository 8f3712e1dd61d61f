// The pages where one picks, of two or of four: gathers the answer, and has what is next sounding before it is stored.

import * as api from "./api.js";
import { BallotBox } from "./ballot_box.js";
import { FOUR, PAIR, inWords } from "./games.js";
import { milestone } from "./milestones.js";
import { Table } from "./pair.js";
import { Stage } from "./stage.js";

const LOOK_AHEAD_S = 2;
const ELSEWHERE = "input:not([type=radio]), textarea, select, [contenteditable=true], dialog[open], .k-menu[open]";
const counted = (picks) => (picks === 1 ? "1 pick" : `${picks} picks`);

class ComparePage {
  #inFlight = false;
  #lost = false; // the vote in flight waits for a connection
  #picks = 0;
  #clicked = 0; // when the last vote was given, until the next pair sounds

  constructor(game, root, signal) {
    this.game = game;
    this.root = root;
    this.signal = signal;
    this.find = (selector) => root.querySelector(selector);
    this.answers = [...root.querySelectorAll(".k-answer")];
    this.table = new Table(game, () => this.#say(`Loading the next ${game.called} takes longer than usual. Trying again…`));
    this.box = new BallotBox(game, (error) => this.#waiting(error));
    this.stage = new Stage(root, signal);
    this.stage.addEventListener("change", () => this.#gate());
    for (const button of this.answers) {
      button.addEventListener("click", () => this.#vote(button.dataset.outcome), { signal });
    }
    for (const radio of root.querySelectorAll("[name=k-domain]")) {
      radio.addEventListener("change", () => this.#domain(radio), { signal });
    }
    document.addEventListener("keydown", (event) => this.#key(event), { signal });
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
  async #greet() {
    const listener = await this.#insist(api.hello, "Kallos does not answer. Trying again…");
    this.#count(listener.picks);
    const domain = this.find(`[name=k-domain][value="${listener.domain}"]`);
    if (domain) domain.checked = true;
    if (listener.picks) milestone(this.find(".k-note"), listener.picks);
  }

  /** Repeat a request until it is answered; throws only what repeating cannot mend. */
  async #insist(ask, trouble) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const answer = await ask();
        if (attempt) this.#say("");
        return answer;
      } catch (error) {
        if (error.passing === false) throw error;
        if (attempt > 1) this.#say(trouble);
        await api.pause(api.backOffS(attempt, error));
      }
    }
  }

  /** Ask for the open offers until there is at least one, and put it on the page. */
  async #deal() {
    for (let round = 0; !this.signal.aborted; round += 1) {
      let error = null;
      try {
        const open = await this.game.open();
        if (open.length) {
          this.table.lay(open);
          this.#lookAhead(open);
          return this.#show(await this.table.get(this.game.id(open[0])));
        }
      } catch (failure) {
        error = failure;
      }
      if (error?.status === 401) await this.#greet();
      this.#wait(error, round);
      await api.pause(Math.max(error?.retryAfterS ?? 0, round < 20 ? 1 : 3));
    }
    return null;
  }

  /** Nothing to play yet: say why. */
  #wait(error, round) {
    let text = round < 30 ? "Composing the first pieces…" : "Still composing. This takes longer than it should…";
    if (this.#picks) text = "Composing more pieces…";
    if (error?.status === 0) text = "No connection to Kallos. Trying again…";
    else if (error && error.status !== 503) text = error.message || "Something went wrong on our side. Trying again…";
    this.find("[data-part=wait]").textContent = text;
    this.#waitingRoom(true);
  }

  #waitingRoom(open) {
    this.find(".k-wait").hidden = !open;
    this.find(".k-pair").hidden = open;
    this.find(".k-vote").hidden = open;
  }

  #show(pair) {
    this.#waitingRoom(false);
    this.stage.show(pair);
    if (this.#clicked) performance.measure("kallos.next_pair", { start: this.#clicked, end: performance.now() });
    this.#clicked = 0;
    this.#gate();
  }

  #key(event) {
    const { target } = event;
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (target.closest(ELSEWHERE)) return;
    const key = event.key.toLowerCase();
    if (key === " ") {
      // somebody who walks with the keyboard presses the button they stand on
      if (target.closest("button, a, summary, input") && target.matches(":focus-visible")) return;
      this.stage.tap();
    } else if (this.stage.sides.includes(key)) this.stage.tap(key);
    else if (key in this.game.outcomes) this.#vote(this.game.outcomes[key]);
    else return;
    event.preventDefault();
  }

  async #vote(outcome) {
    const { stage } = this;
    if (!stage.pair || this.#inFlight || (outcome !== "skipped" && stage.unheard().length)) return;
    this.#clicked = performance.now();
    this.#inFlight = true;
    stage.player.pause();
    this.picked = stage.pair[this.game.winner(outcome)]?.clipId;
    this.box.put(this.game.ballot(stage.pair.offerId, outcome, stage.heard()));
    this.#say("");
    const next = this.table.readyBeside(stage.pair.offerId);
    if (next) this.#show(next);
    else this.#gate();
    this.#steadyFocus();
    await this.#send();
  }

  /** A button that has just been disabled must not swallow the keyboard. */
  #steadyFocus() {
    const { activeElement } = document;
    if (!activeElement?.closest?.(".k-answer")) return;
    if (activeElement.matches(":focus-visible")) this.stage.cards.a.button.focus();
    else activeElement.blur();
  }

  async #send() {
    let open = [];
    try {
      const reply = await this.box.send();
      ({ open } = reply);
      this.#say(this.#lost ? "Your pick has arrived." : (this.game.noted[reply.outcome] ?? ""));
      this.#count(reply.picks);
      this.#more();
      milestone(this.find(".k-note"), reply.picks);
    } catch (error) {
      this.#say(this.#refusal(error));
      if (error.status === 401) await this.#greet();
      open = await this.#insist(this.game.open, "No connection to Kallos. Trying again…").catch(() => []);
    }
    this.#inFlight = false;
    this.#lost = false;
    await this.#follow(open);
    this.#gate();
  }

  /** The way to clips like the one that was picked last. */
  #more() {
    const link = this.find(".k-more");
    link.hidden = !this.picked;
    link.href = `more?clip=${this.picked}`;
  }

  #refusal({ status, message }) {
    const { called } = this.game;
    if (status === 409) return `You had already answered that ${called}, perhaps in another tab. That answer stays.`;
    if (status === 404) return `That ${called} is no longer yours to answer. Here is another one.`;
    if (status === 401) return "This browser was no longer known here. You start afresh.";
    return message || `That pick could not be stored. Here is the next ${called}.`;
  }

  #waiting(error) {
    this.#lost = true;
    const why = error.status === 0 ? "No connection." : "Kallos is busy.";
    this.#say(`${why} Your pick is kept and will be sent.`);
    this.#gate();
  }

  /** Lay the open offers out; where what is on the page is none of them, change to the first. */
  async #follow(open) {
    this.table.lay(open);
    this.#lookAhead(open);
    const { stage } = this;
    if (stage.pair && open.some((offer) => this.game.id(offer) === stage.pair.offerId)) return;
    stage.clear();
    this.#gate();
    const pair = open.length ? await this.table.get(this.game.id(open[0])).catch(() => null) : null;
    if (pair) this.#show(pair);
    else await this.#deal();
  }

  /** While the pool is so young that there is no second pair, ask again, so that one is loaded before the vote. */
  async #lookAhead(open) {
    let known = open;
    while (known.length === 1 && !this.signal.aborted) {
      await api.pause(LOOK_AHEAD_S);
      const found = await this.game.open().catch(() => known);
      const [first] = known.map(this.game.id);
      if (this.#inFlight || !found.some((offer) => this.game.id(offer) === first)) return;
      known = found;
      this.table.lay(known);
    }
  }

  #count(picks) {
    this.#picks = picks;
    this.find(".k-picks").textContent = counted(picks);
    this.root.querySelectorAll(".k-ticks i").forEach((tick, index) => tick.classList.toggle("k-done", index < picks));
  }

  /** Which answers are awake, and the one line that says what is missing. */
  #gate() {
    const missing = this.stage.unheard();
    const blocked = !this.stage.pair || this.#inFlight;
    for (const button of this.answers) {
      const disabled = blocked || (button.dataset.outcome !== "skipped" && missing.length > 0);
      if (button.disabled !== disabled) button.disabled = disabled;
    }
    const hint = this.#hint(missing);
    const line = this.find(".k-hint");
    if (line.textContent !== hint) line.textContent = hint;
    this.root.classList.toggle("k-ready", !blocked && !missing.length);
  }

  #hint(missing) {
    if (!this.stage.pair) return `Getting the next ${this.game.called} ready…`;
    if (!this.stage.started && missing.length) return this.game.begin;
    if (missing.length === this.stage.sides.length) return this.game.listen;
    if (missing.length) return `Listen to ${inWords(missing)} a little more.`;
    return this.#lost ? "Waiting for the connection." : "Your pick?";
  }

  async #domain(radio) {
    try {
      await api.chooseDomain(radio.value);
      const music = radio.nextElementSibling.textContent;
      this.#say(`${music}, from the ${this.game.called} after the next. Skip to get there sooner.`);
    } catch (error) {
      this.#say(error.message || "The kind of music could not be changed. Please try again.");
    }
  }

  /** Something that repeating cannot mend. */
  fail(error) {
    this.#wait(error, 0);
    throw error;
  }

  #say(text) {
    const status = this.find(".k-status");
    if (status.textContent !== text) status.textContent = text;
  }
}

function start(game, root, signal) {
  const page = new ComparePage(game, root, signal);
  page.start().catch((error) => page.fail(error));
  return page;
}

/** Run the page of pairs inside `root` until `signal` aborts. */
export const startCompare = (root, signal) => start(PAIR, root, signal);
/** Run the page of fours. */
export const startFour = (root, signal) => start(FOUR, root, signal);
