// The taste page: what the picks so far say, drawn with their doubt, and the way to new pieces.

import * as api from "./api.js";
import { Bring } from "./bring.js";
import { TasteCard } from "./card.js";
import { ClipList } from "./clip_list.js";
import { ComposeForMe } from "./composing.js";
import { VoteHistory } from "./history.js";
import { showProof } from "./proof.js";
import { Z95, element, scale } from "./scale.js";
import { Why } from "./why.js";
import { capital, leaning, percent, poles, styleName, undirected, yours } from "./words.js";

const MEANINGFUL = 10; // picks before the figures are worth reading

/** One style: its name, the verdict in words, and a scale with the best guess and its 95 % interval. */
function styleRow({ style, attribute, effect, sd, words, confidence, others }, span) {
  const [less, more] = poles(attribute);
  const place = (value) => 50 + 50 * Math.min(1, Math.max(-1, value / span));
  const [low, high] = [place(effect - Z95 * sd), place(effect + Z95 * sd)];
  const row = element("div", "k-style");
  row.dataset.testid = `taste-${style}`;
  const decided = Math.abs(effect) > Z95 * sd;
  row.classList.toggle("k-decided", decided);
  const verdict = element("p", "k-words", decided || undirected(words) ? capital(leaning({ words })) : "Not decided yet");
  if (decided && others?.words) verdict.append(element("span", "k-others", yours(others.words)));
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

// what a piece of one's own is
const MADE = {
  careful: "composed for you",
  surprise: "a surprise for you",
  near: "near a piece you like",
  studio: "from your studio",
};

/** One of the best clips, as the list shows it. */
const favourite = (clip, index) => ({
  ...clip,
  heading: `No. ${index + 1}`,
  detail: clip.composed ? MADE[clip.mode] : "composed for all",
});

/** One of the clips composed for this listener that they have met. */
const own = (clip, index) => ({ ...clip, heading: `Yours ${index + 1}`, detail: MADE[clip.mode] });

class TastePage {
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
    this.compose = new ComposeForMe(root, signal);
  }

  async start() {
    for (let attempt = 0; !this.signal.aborted; attempt += 1) {
      try {
        await api.hello();
        this.#show(await api.taste());
        await this.history.show();
        await Promise.all([this.why.start(), this.card.start(), showProof(this.find(".k-proofs"))]);
        await this.compose.watch();
        return;
      } catch (error) {
        if (error.code === "unknown_listener") {
          this.find(".k-lead").textContent = `${error.message}.`;
          return;
        }
        const lead = error.status === 0 ? "No connection to Kallos." : error.message || "Something went wrong.";
        this.find(".k-lead").textContent = `${lead} Trying again…`;
        await api.pause(api.backOffS(attempt, error));
      }
    }
  }

  #show({ picks, domain, styles, habits, accuracy, best, composed }) {
    this.find(".k-lead").innerHTML = this.#lead(picks);
    this.find(".k-empty").hidden = Boolean(picks);
    const liked = (best ?? []).map(favourite);
    this.find(".k-taste").hidden = !picks;
    if (!picks) {
      this.compose.show(false);
      return this.card.show(false);
    }
    const span = Math.max(0.5, ...styles.map(({ effect, sd }) => Math.abs(effect) + Z95 * sd));
    this.find(".k-styles").replaceChildren(...styles.map((style) => styleRow(style, span)));
    this.find(".k-habits").replaceChildren(...habitLines(habits));
    this.find(".k-accuracy").replaceChildren(accuracyBlock(accuracy));
    this.best.show(liked);
    const further = (composed ?? []).filter((clip) => !best.some((each) => each.clip_id === clip.clip_id)).map(own);
    this.composed.show(further);
    this.compose.show(true, [...liked, ...further].filter((clip) => clip.domain === domain));
    this.find("[data-part=composed-title]").hidden = !further.length;
    this.why.close();
    this.card.show(best.length > 0);
    if (!best?.length) this.find(".k-best").textContent = "Your favourites appear here once you have picked a few.";
  }

  /** Show the taste as it is again after fewer votes. */
  async #rewound(text) {
    this.#show(await api.taste());
    await Promise.all([this.history.show(), this.card.start(), this.why.start(), showProof(this.find(".k-proofs"))]);
    this.find(".k-status").textContent = text;
    this.history.focus();
    await this.compose.watch();
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
}

/** Run the page inside `root` until `signal` aborts. */
export function startTaste(root, signal) {
  const page = new TastePage(root, signal);
  page.start();
  return page;
}
