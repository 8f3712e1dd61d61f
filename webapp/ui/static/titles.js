// Words to tunes and music to titles, each with how often that is right.

import * as api from "./api.js";
import { ClipList } from "./clip_list.js";
import { Choices } from "./picker.js";
import { capital } from "./words.js";

const WORDS = "words"; // in the address
const CLOSE = 0.4; // how much of a tune is kept when one is composed near it
const sorry = (error) => (error.status === 0 ? "No connection to Kallos. Please try again." : error.message || "That did not work. Please try again.");
const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

/** What was measured on tunes never heard, in a sentence. */
function oddsInWords(odds, asked, found) {
  if (!odds) return "How often this is right has not been measured for these towers (python -m models.evaluate.titles --record).";
  const [one, ten] = [odds.recall_1, odds.recall_10];
  const mrr = `mean reciprocal rank ${odds.mrr.value.toFixed(3)}, ${odds.mrr.low.toFixed(3)} to ${odds.mrr.high.toFixed(3)}; chance ${odds.mrr.chance.toFixed(3)}`;
  return (
    `Measured on ${asked} of tunes never heard (${odds.mrr.n}): the right ${found} came first for ${percent(one.value)} ` +
    `(chance ${percent(one.chance)}) and among the first ten for ${percent(ten.value)} (chance ${percent(ten.chance)}); ${mrr}.`
  );
}

class TitlesPage {
  #asked = 0;

  constructor(root, signal) {
    this.root = root;
    this.signal = signal;
    this.part = (name) => root.querySelector(`[data-part=${name}]`);
    this.tunes = new ClipList(this.part("tunes"), signal, {
      action: "Compose near it",
      onAction: (clip) => this.#composeNear(clip),
    });
    this.idea = new ClipList(this.part("idea-player"), signal);
    this.choices = new Choices(
      {
        list: this.part("choices"),
        said: this.part("choices-said"),
        more: root.querySelector("[data-do=more]"),
        radios: [...root.querySelectorAll("[name=k-ideas-domain]")],
      },
      signal,
      { action: "Name it", onAction: (choice) => this.#name(choice.name, "this piece") },
    );
    const lists = [this.tunes, this.idea, this.choices.clips];
    for (const list of lists) {
      list.addEventListener("play", () => lists.forEach((other) => other !== list && other.pause()));
    }
    this.part("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.tunes.player.unlock(); // within the tap: the first tune sounds by itself
      this.#find(this.part("words").value, { play: true });
    }, { signal });
    root.querySelector("input[type=file]").addEventListener("change", (event) => this.#bring(event.target), { signal });
  }

  async run() {
    for (let attempt = 0; !this.signal.aborted; attempt += 1) {
      try {
        const listener = await api.hello();
        this.#tell(await api.titles.overview());
        this.choices.domain = listener.domain;
        break;
      } catch (error) {
        this.#said("tunes", `${capital(sorry(error))} Trying again…`);
        await api.pause(api.backOffS(attempt, error));
      }
    }
    const wait = this.root.querySelector(".k-wait");
    this.choices.load("", (waiting) => {
      wait.hidden = !waiting;
    });
    const words = new URL(window.location.href).searchParams.get(WORDS);
    if (words) {
      this.part("words").value = words;
      await this.#find(words);
    }
  }

  #tell({ odds, ready }) {
    this.part("odds-tunes").textContent = oddsInWords(odds?.title_to_melody, "titles", "tune");
    this.part("odds-ideas").textContent = oddsInWords(odds?.melody_to_title, "melodies", "title");
    for (const [kind, part] of [["tunes", "tunes"], ["titles", "ideas"]]) {
      if (ready[kind]) continue;
      const link = Object.assign(document.createElement("a"), { href: `maps?kind=${kind}`, textContent: "Draw it on the Maps page" });
      this.part(`said-${part}`).replaceChildren(`The map of ${kind}, from which answers come, has not been drawn yet. `, link, ` or run kallos atlas draw ${kind}.`);
    }
  }

  async #find(words, { play = false } = {}) {
    this.#asked += 1;
    const number = this.#asked;
    this.#said("tunes", "Listening…");
    try {
      const { results } = await api.titles.tunes(words);
      if (number !== this.#asked) return;
      this.tunes.show(results.map((each) => ({ ...each, heading: each.text, detail: this.#detail(each) })));
      this.#said("tunes", `Nearest to “${words}”, the nearest first.`);
      const address = new URL(window.location.href);
      address.searchParams.set(WORDS, words);
      window.history.replaceState(null, "", address);
      if (play) await this.tunes.play();
    } catch (error) {
      if (number === this.#asked) this.#said("tunes", capital(sorry(error)));
    }
  }

  #detail({ colours, cosine }) {
    const { genre, meter, collection } = colours;
    return [genre || meter, collection, `likeness ${cosine.toFixed(2)}`].filter(Boolean).join(" · ");
  }

  async #name(name, called) {
    this.#said("ideas", "Looking for names…");
    try {
      const { results } = await api.titles.ideas(name);
      this.part("ideas-room").hidden = false;
      this.part("ideas-title").textContent = `Ideas for ${called}`;
      this.part("ideas").replaceChildren(...results.map((each) => this.#ideaRow(each)));
      this.#said("ideas", "Press a title to hear the tune that bears it.");
      this.part("ideas-room").scrollIntoView({ block: "nearest" });
    } catch (error) {
      this.#said("ideas", capital(sorry(error)));
    }
  }

  #ideaRow(found) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.append(found.text, Object.assign(document.createElement("small"), { textContent: `likeness ${found.cosine.toFixed(2)}` }));
    button.addEventListener("click", () => {
      this.idea.show([{ ...found, heading: found.text, detail: "the tune that bears it" }]);
      this.idea.play();
    }, { signal: this.signal });
    item.append(button);
    return item;
  }

  async #bring(input) {
    const [file] = input.files;
    input.value = ""; // the same file may be chosen again
    if (!file) return;
    this.#said("ideas", `Reading “${file.name}”…`);
    try {
      const piece = await api.studio.bring(file, this.choices.domain);
      await this.#name(piece.name, `“${piece.title || file.name}”`);
    } catch (error) {
      this.#said("ideas", capital(sorry(error)));
    }
  }

  /** A new piece that keeps some of a tune, opened in the studio, where it stands beside the tune. */
  async #composeNear(clip) {
    this.tunes.pause();
    this.#said("tunes", `Composing near “${clip.heading}”…`);
    try {
      const bytes = await api.audio(clip.score_url);
      const file = new File([bytes], `${clip.heading.slice(0, 60)}.abc`);
      const tune = await api.studio.bring(file, "dance");
      const piece = await api.studio.compose({ content: tune.name, keep: CLOSE, seed: 1 });
      const address = new URL("studio", api.ROOT);
      address.searchParams.set("piece", piece.name.split("/")[1]);
      const token = api.travellingToken();
      if (token) address.hash = `token=${token}`;
      window.location.assign(address);
    } catch (error) {
      this.#said("tunes", capital(sorry(error)));
    }
  }

  #said(part, text) {
    this.part(`said-${part}`).textContent = text;
  }
}

/** Run the page inside `root` until `signal` aborts. */
export function startTitles(root, signal) {
  const page = new TitlesPage(root, signal);
  page.run();
  return page;
}
