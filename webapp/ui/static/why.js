// Why one clip is liked, style by style; the one change that would raise it most, played; and the check of that claim.

import * as api from "./api.js";
import { ClipList } from "./clip_list.js";
import { Z95, element, scale } from "./scale.js";
import { capital, describe, percent, styleName } from "./words.js";

const ABOUT =
  "One style, taken from another piece, that your picks say would make it better. It is composed now, and you can " +
  "check blind whether we are right.";
const inHundred = (share) => `${Math.round(share * 100)} times in 100`;

/** One style's part: its name and words, a line with its best guess and 95 % interval, and its points of the chance. */
function partRow({ part, words, utility, sd, points, confidence }, span) {
  const place = (value) => 50 + 50 * Math.min(1, Math.max(-1, value / span));
  const row = element("div", "k-style k-part");
  row.dataset.testid = `why-${part}`;
  if (Math.abs(utility) > Z95 * sd) row.classList.add("k-decided");
  const [low, high] = [utility - Z95 * sd, utility + Z95 * sd];
  const told =
    `${styleName(part)}: ${utility.toFixed(2)}, 95 % between ${low.toFixed(2)} and ${high.toFixed(2)}; ` +
    `${percent(confidence)} sure of the direction`;
  const count = Math.round(100 * points);
  row.append(
    element("h3", "", capital(styleName(part))),
    element("p", "k-words", capital(words)),
    scale({ value: place(utility), low: place(low), high: place(high), told }),
    element("span", "k-points", count > 0 ? `+${count}` : `${count}`.replace("-", "−")),
  );
  return row;
}

export class Why {
  #clip = null;
  #piece = null; // the changed one
  #others = [];
  #opener = null; // what was pressed to open the explanation

  constructor(root, signal) {
    this.section = root.querySelector(".k-why");
    this.changed = new ClipList(this.part("changed"), signal, { together: true });
    this.changed.addEventListener("play", () => this.#others.forEach((list) => list.pause()));
    const listen = (name, act) => this.button(name).addEventListener("click", act, { signal });
    listen("close-why", () => this.close());
    listen("change", () => this.#change());
    listen("check", () => this.#check());
  }

  part(name) {
    return this.section.querySelector(`[data-part=${name}]`);
  }

  button(name) {
    return this.section.querySelector(`[data-do=${name}]`);
  }

  /** These lists and the one here don't sound together. */
  silence(...lists) {
    this.#others = lists;
    for (const list of lists) list.addEventListener("play", () => [this.changed, ...lists].forEach((each) => each !== list && each.pause()));
  }

  async start() {
    this.#tell(await api.why.checks());
  }

  close() {
    const within = this.section.contains(document.activeElement);
    this.section.hidden = true;
    if (within) this.#opener?.focus();
    this.changed.pause();
  }

  /** Explain a clip of the page's lists. */
  async explain(clip) {
    this.#clip = clip;
    this.#piece = null;
    this.#opener = document.activeElement;
    this.section.hidden = false;
    this.part("why-title").textContent = `Why ${clip.heading.charAt(0).toLowerCase()}${clip.heading.slice(1)}?`;
    this.part("why-chance").textContent = "Looking…";
    this.part("why-parts").replaceChildren();
    this.part("change-text").textContent = ABOUT;
    this.button("change").hidden = false;
    this.button("check").hidden = true;
    this.changed.show([]);
    this.part("why-title").focus({ preventScroll: true });
    this.section.scrollIntoView({ block: "start", behavior: "smooth" });
    try {
      const told = await api.why.clip(clip.clip_id);
      if (this.#clip === clip) this.#show(told);
    } catch (error) {
      this.part("why-chance").textContent = capital(error.message || "That did not work. Please try again.");
    }
  }

  #show({ chance, parts, votes }) {
    this.part("why-chance").textContent =
      `Beside an average piece we think you would pick it ${inHundred(chance)}, as far as ${votes} ` +
      `vote${votes === 1 ? "" : "s"} tell. Each line says what one style adds or takes away, with the range that we are ` +
      "95 % sure of; the number is how many of the 100 it is worth.";
    const span = Math.max(0.3, ...parts.map(({ utility, sd }) => Math.abs(utility) + Z95 * sd));
    const strongest = [...parts].sort((one, two) => Math.abs(two.points) - Math.abs(one.points));
    this.part("why-parts").replaceChildren(...strongest.map((each) => partRow(each, span)));
  }

  async #change() {
    const clip = this.#clip;
    const button = this.button("change");
    button.disabled = true;
    this.part("change-text").textContent = "Composing the change…";
    try {
      const made = await api.why.change(clip.clip_id);
      if (this.#clip === clip) this.#showChange(made);
    } catch (error) {
      if (this.#clip === clip) this.part("change-text").textContent = capital(error.message || "That did not work. Please try again.");
    }
    button.disabled = false;
  }

  #showChange({ part, words, became, expected, heard, original, piece }) {
    this.#piece = piece;
    const style = words === "another one" ? `another ${styleName(part)}` : `the ${styleName(part)} ${words}`;
    const named = words.startsWith("with ") ? words.slice(5) : style;
    const came =
      heard.gain > 0
        ? `As it came out we expect ${inHundred(heard.chance)}.`
        : `As it came out we no longer think so (${inHundred(heard.chance)}): something else moved along.`;
    this.part("change-text").textContent =
      `With ${named}, taken from another piece, you should pick it over this one ${inHundred(expected.chance)}. ` +
      `${became.length ? `Beside this one: ${became.join(", ")}.` : "To the ear little else is different."} ${came}`;
    this.changed.show([this.#row(original, "As it is", part), this.#row(piece, "Changed", part)]);
    this.button("change").hidden = true;
    this.button("check").hidden = false;
    this.button("check").focus({ preventScroll: true });
  }

  /** A card that tells the changed style first. */
  #row(piece, heading, part) {
    return { ...piece, notes_url: `/api/studio/${piece.name}`, heading, detail: describe(piece.traits, part) };
  }

  async #check() {
    const button = this.button("check");
    button.disabled = true;
    try {
      this.#tell(await api.why.check(this.#piece.name.replace("pieces/", "")));
      button.hidden = true;
      this.button("close-why").focus({ preventScroll: true });
    } catch (error) {
      this.part("checks").textContent = capital(error.message || "That did not work. Please try again.");
    }
    button.disabled = false;
  }

  /** What became of such claims. */
  #tell({ right, equal, wrong, waiting, value, low, high }) {
    const lines = [];
    const votes = right + equal + wrong;
    if (votes) {
      const even = equal ? `, ${equal} even` : "";
      lines.push(
        `Such claims so far: ${right} right, ${wrong} wrong${even}. That is ${percent(value)} ` +
          `(95 %: ${percent(low)} to ${percent(high)}, whenever you look); tossing a coin: 50 %.`,
      );
    }
    if (waiting) lines.push(`${waiting} wait${waiting === 1 ? "s" : ""} for your answer after your two open pairs, sides by lot.`);
    this.part("checks").textContent = lines.join(" ");
  }
}
