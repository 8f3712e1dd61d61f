// The taste page: what the picks so far say, drawn with their doubt, and the way to new pieces.

import * as api from "./api.js";
import { Bring } from "./bring.js";
import { TasteCard } from "./card.js";
import { ClipList } from "./clip_list.js";
import { VoteHistory } from "./history.js";
import { Z95, element, scale } from "./scale.js";
import { Why } from "./why.js";
import { capital, leaning, percent, poles, styleName, yours } from "./words.js";

const MEANINGFUL = 10; // picks before the figures are worth reading
const POLL_S = 1.5;
const COMPOSE =
  "New pieces, searched for in the direction of your taste. You will meet them blind among your next pairs, so that you " +
  "can find out whether they are any better.";
const BLIND = "It will be offered blind among your next pairs.";

/** One style: its name, the verdict in words, and a scale with the best guess and its 95 % interval. */
function styleRow({ style, attribute, effect, sd, words, confidence, others }, span) {
  const [less, more] = poles(attribute);
  const place = (value) => 50 + 50 * Math.min(1, Math.max(-1, value / span));
  const [low, high] = [place(effect - Z95 * sd), place(effect + Z95 * sd)];
  const row = element("div", "k-style");
  row.dataset.testid = `taste-${style}`;
  if (Math.abs(effect) > Z95 * sd) row.classList.add("k-decided");
  const verdict = element("p", "k-words", capital(leaning({ words })));
  if (others?.words) verdict.append(element("span", "k-others", yours(others.words)));
  row.append(element("h3", "", capital(styleName(style))), verdict);
  const told =
    `${less} to ${more}: best guess ${effect.toFixed(2)}, 95 % between ${(effect - Z95 * sd).toFixed(2)} and ` +
    `${(effect + Z95 * sd).toFixed(2)}; ${percent(confidence)} sure of the direction`;
  const line = scale({ value: place(effect), low, high, told });
  row.append(element("span", "k-pole k-less", less), line, element("span", "k-pole k-more", more));
  return row;
}

/** How this person answers, whatever they love; nothing where that is nothing special. */
function habitLines({ left, tossed }) {
  const lines = [];
  if (left !== null) {
    const [side, share] = left > 0.5 ? ["left", left] : ["right", 1 - left];
    lines.push(`Of two pieces that you like equally you pick the ${side} one about ${Math.round(share * 100)} times in ` +
      "100. That is taken out of your taste.");
  }
  if (tossed !== null) {
    lines.push(`About ${Math.round(tossed * 100)} in 100 of your picks could be coin tosses. Surprising picks count less.`);
  }
  return lines.map((line) => element("p", "k-explain", line));
}

/** How often the guesses were right, with interval and chance on one line from 0 to 100 %. */
function accuracyBlock(accuracy) {
  const block = element("div", "k-accuracy-block");
  if (!accuracy || !accuracy.n) {
    block.append(element("p", "", "No guess has been tested yet."));
    return block;
  }
  const { value, low, high, n, chance } = accuracy;
  block.append(element("p", "k-figure", percent(value)));
  const text = element("p", "k-figure-text");
  text.textContent =
    `of ${n} guess${n === 1 ? "" : "es"} made before your votes were right ` +
    `(95 %: ${percent(low)} to ${percent(high)}). Tossing a coin: ${percent(chance)}. `;
  if (low > chance) text.append("Better than chance.");
  else text.append("That is not yet more than luck would do.");
  const line = scale({ value: value * 100, low: low * 100, high: high * 100, className: "k-scale k-share" });
  const coin = element("span", "k-chance");
  coin.style.left = `${chance * 100}%`;
  line.append(coin);
  block.append(text, line);
  return block;
}

/** One of the best clips, as the list shows it. */
const favourite = (clip, index) => ({
  ...clip,
  heading: `No. ${index + 1}`,
  detail: clip.composed ? "composed for you" : "composed for all",
});

/** One of the clips composed for this listener that they have met. */
const own = (clip, index) => ({ ...clip, heading: `Yours ${index + 1}`, detail: "composed for you" });

class TastePage {
  #watchers = 0; // how often a job was followed so far; only the newest follower speaks

  constructor(root, signal) {
    this.root = root;
    this.signal = signal;
    this.find = (selector) => root.querySelector(selector);
    this.why = new Why(root, signal);
    this.card = new TasteCard(root, signal);
    const explained = { action: "Why?", onAction: (clip) => this.why.explain(clip) };
    this.best = new ClipList(this.find(".k-best"), signal, explained);
    this.composed = new ClipList(this.find("[data-part=composed]"), signal, explained);
    this.why.silence(this.best, this.composed);
    this.history = new VoteHistory(root, signal, (text) => this.#rewound(text));
    this.bring = new Bring(root, signal, (text) => this.#rewound(text));
    this.button = this.find("[data-testid=compose]");
    this.button.addEventListener("click", () => this.#compose(), { signal });
  }

  async start() {
    for (let attempt = 0; !this.signal.aborted; attempt += 1) {
      try {
        await api.hello();
        this.#show(await api.taste());
        await this.history.show();
        await Promise.all([this.why.start(), this.card.start()]);
        await this.#watch();
        return;
      } catch (error) {
        const lead = error.status === 0 ? "No connection to Kallos." : error.message || "Something went wrong.";
        this.find(".k-lead").textContent = `${lead} Trying again…`;
        await api.pause(api.backOffS(attempt, error));
      }
    }
  }

  #show({ picks, styles, habits, accuracy, best, composed }) {
    this.find(".k-lead").innerHTML = this.#lead(picks);
    this.find(".k-empty").hidden = Boolean(picks);
    this.find(".k-compose").hidden = !picks;
    this.find(".k-taste").hidden = !picks;
    if (!picks) return this.card.show(false);
    const span = Math.max(0.5, ...styles.map(({ effect, sd }) => Math.abs(effect) + Z95 * sd));
    this.find(".k-styles").replaceChildren(...styles.map((style) => styleRow(style, span)));
    this.find(".k-habits").replaceChildren(...habitLines(habits));
    this.find(".k-accuracy").replaceChildren(accuracyBlock(accuracy));
    this.best.show((best ?? []).map(favourite));
    const further = (composed ?? []).filter((clip) => !best.some((each) => each.clip_id === clip.clip_id));
    this.composed.show(further.map(own));
    this.find("[data-part=composed-title]").hidden = !further.length;
    this.why.close();
    this.card.show(best.length > 0);
    if (!best?.length) this.find(".k-best").textContent = "Your favourites appear here once you have picked a few.";
  }

  /** Show the taste as it is again after fewer votes. */
  async #rewound(text) {
    this.#show(await api.taste());
    await Promise.all([this.history.show(), this.card.start()]);
    this.find(".k-status").textContent = text;
    this.history.focus();
    await this.#watch();
  }

  #lead(picks) {
    const compare = (text) => `<a href="./">${text}</a>`;
    if (!picks) return "";
    if (picks < MEANINGFUL) {
      const left = MEANINGFUL - picks;
      return `After ${picks} pick${picks === 1 ? "" : "s"}, most of this is still open. About ${left} more ` +
        `make it worth reading. ${compare("Go on listening")}`;
    }
    return `What ${picks} picks say so far. ${compare("Go on listening")}`;
  }

  async #compose() {
    this.button.disabled = true;
    this.#report("Asking for new pieces…");
    try {
      await api.compose();
    } catch (error) {
      this.#report(error.message || "That did not work. Please try again.");
      return;
    } finally {
      this.button.disabled = false;
    }
    await this.#watch();
  }

  /** Follow the newest job until it is done; silent where there never was one. A later call takes over. */
  async #watch() {
    this.#watchers += 1;
    const number = this.#watchers;
    for (let attempt = 0; !this.signal.aborted; ) {
      try {
        const state = await api.composing();
        if (number !== this.#watchers || !this.#composing(state)) return;
        await api.pause(POLL_S);
      } catch (error) {
        if (!error.passing) throw error;
        await api.pause(api.backOffS((attempt += 1), error));
      }
    }
  }

  /** Say how far the job is; true while it is still going on. */
  #composing({ state, clips }) {
    if (state === "waiting") this.#report("In the queue…");
    else if (state === "running") this.#report("Composing for you…");
    else if (state === "failed") this.#report("Composing failed this time. Your picks are safe; please try again.");
    else if (clips.length) {
      const waiting = clips.filter((clip) => !clip.met).length;
      const pieces = clips.length === 1 ? "One piece has" : `${clips.length} pieces have`;
      const rest = waiting ? `${waiting} of them will be offered blind among your next pairs.` : "You have met them all.";
      this.#report(`${pieces} been composed for you. ${clips.length === 1 && waiting ? BLIND : rest}`);
    } else this.#report(COMPOSE);
    return ["waiting", "running"].includes(state);
  }

  #report(text) {
    this.find(".k-compose-text").textContent = text;
  }
}

/** Run the page inside `root` until `signal` aborts. */
export function startTaste(root, signal) {
  const page = new TastePage(root, signal);
  page.start();
  return page;
}
