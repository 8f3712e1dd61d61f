// Every vote so far, newest first, and the way back to any of them.

import * as api from "./api.js";

const PAGE = 8;
const WORDS = {
  left: "A is more beautiful",
  right: "B is more beautiful",
  equal: "equally beautiful",
  neither: "neither",
  skipped: "skipped",
  a: "A of four",
  b: "B of four",
  c: "C of four",
  d: "D of four",
  none: "none of four",
};
const counted = (number) => (number === 1 ? "1 vote" : `${number} votes`);
const when = (at) => new Date(at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

export class VoteHistory {
  #total = 0;
  #shown = [];

  /** `onRewound(text)` is called once votes are undone. */
  constructor(root, signal, onRewound) {
    this.section = root.querySelector(".k-history");
    this.list = this.section.querySelector("ol");
    this.more = this.section.querySelector("[data-part=more]");
    this.start = this.section.querySelector("[data-part=start]");
    this.dialog = root.querySelector("[data-dialog=rewind]");
    this.onRewound = onRewound;
    this.more.addEventListener("click", () => this.#older(), { signal });
    this.start.addEventListener("click", () => this.#ask(0), { signal });
  }

  /** Read the newest votes and show them. */
  async show() {
    this.#shown = [];
    await this.#read();
  }

  /** Stand where the keyboard was before a list of other votes took its place. */
  focus() {
    (this.section.hidden ? document.body : this.section.querySelector("h2")).focus();
  }

  async #read() {
    const { total, votes } = await api.votes(PAGE, this.#shown.at(-1)?.number);
    this.#total = total;
    this.#shown.push(...votes);
    this.section.hidden = !total;
    this.more.hidden = !total || this.#shown.at(-1).number === 1;
    this.list.replaceChildren(...this.#shown.map((vote) => this.#row(vote)));
  }

  async #older() {
    const first = this.#shown.length;
    this.more.disabled = true;
    try {
      await this.#read();
      this.list.children[first]?.querySelector("button")?.focus();
    } catch (error) {
      this.more.textContent = error.message || "No connection. Try again";
    } finally {
      this.more.disabled = false;
    }
  }

  #row({ number, outcome, at }) {
    const row = document.createElement("li");
    const text = document.createElement("span");
    const time = document.createElement("time");
    time.dateTime = at;
    time.textContent = when(at);
    text.append(Object.assign(document.createElement("b"), { textContent: `No. ${number}` }), ` ${WORDS[outcome]} `, time);
    row.append(text);
    if (number === this.#total) {
      row.append(Object.assign(document.createElement("span"), { className: "k-here", textContent: "You are here" }));
      return row;
    }
    const button = document.createElement("button");
    button.type = "button";
    button.className = "k-quiet";
    button.dataset.testid = `rewind-${number}`;
    button.textContent = "Go back";
    button.setAttribute("aria-label", `Go back to vote ${number}`);
    button.addEventListener("click", () => this.#ask(number));
    row.append(button);
    return row;
  }

  /** Say what would be lost, and do it only then. */
  #ask(number) {
    const part = (name) => this.dialog.querySelector(`[data-part=${name}]`);
    const undone = this.#total - number;
    part("title").textContent = number ? `Go back to vote ${number}?` : "Start over?";
    part("what").textContent = number
      ? `${undone === 1 ? "The vote" : `The ${counted(undone)}`} after it, what was learned from ` +
        `${undone === 1 ? "it" : "them"} and the pieces composed for you since are undone for good.`
      : `All ${counted(undone)}, what was learned from them and the pieces composed for you since are undone for good.`;
    part("error").textContent = "";
    const confirm = part("confirm");
    confirm.textContent = `Undo ${counted(undone)}`;
    confirm.disabled = false;
    confirm.onclick = async () => {
      confirm.disabled = true;
      try {
        const { votes, undone: gone } = await api.rewind(number);
        this.dialog.close();
        await this.onRewound(`${counted(gone)} undone. ${votes ? `You are back at vote ${votes}.` : "You start over."}`);
      } catch (error) {
        part("error").textContent = error.message || "No connection. Please try again.";
        confirm.disabled = false;
      }
    };
    this.dialog.showModal();
  }
}
