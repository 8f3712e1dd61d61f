// What stays of the old piece: its bars below the roll, melody, harmony and rhythm, and how much of the rest.

import { anyLock } from "./recipe.js";

const FIRST_KEEP = 0.5; // of the rest, when something is locked and all of it was kept

export class Locks {
  #kept = null; // {keep, locks} as shown

  /** `onChange({keep, locks})` tells what is wanted now. */
  constructor(root, signal, onChange) {
    this.bars = root.querySelector("[data-side=a] .k-bars");
    this.ruler = root.querySelector("[data-side=b] .k-bars");
    this.toggles = [...root.querySelectorAll("[data-lock]")];
    this.range = root.querySelector("[data-part=keep]");
    this.output = this.range.parentElement.querySelector("output");
    this.again = root.querySelector("[data-do=again]");
    this.off = root.querySelector("[data-part=again-off]");
    this.onChange = onChange;
    for (const toggle of this.toggles) {
      const name = toggle.dataset.lock;
      toggle.addEventListener("click", () => this.#lock({ [name]: !this.#kept.locks[name] }), { signal });
    }
    this.bars.addEventListener("click", ({ target }) => target.dataset.bar && this.#bar(Number(target.dataset.bar)), { signal });
    this.range.addEventListener("input", () => this.#percent(), { signal });
    this.range.addEventListener("change", () => onChange({ ...this.#kept, keep: Number(this.range.value) / 100 }), { signal });
  }

  /** One button a bar of the old piece, as wide as the bar is long. */
  measure({ bars_s: bars, seconds }) {
    this.bars.replaceChildren(
      ...laid(this.bars, bars, seconds, "button", (button, number) => {
        button.type = "button";
        button.className = "k-quiet k-lock";
        button.dataset.bar = number - 1;
        button.dataset.testid = `lock-bar-${number}`;
        button.setAttribute("aria-label", `Lock bar ${number}`);
      }),
    );
  }

  /** The numbers of the new piece's bars, where there is one. */
  compare(piece) {
    this.ruler.replaceChildren(...(piece ? laid(this.ruler, piece.bars_s, piece.seconds, "span", () => {}) : []));
  }

  /** Show what is kept; `fixed` where it can only be looked at. */
  show({ keep, locks }, fixed = false) {
    this.#kept = { keep, locks };
    for (const toggle of this.toggles) toggle.setAttribute("aria-pressed", locks[toggle.dataset.lock]);
    for (const button of this.bars.children) {
      button.setAttribute("aria-pressed", locks.bars.includes(Number(button.dataset.bar)));
    }
    for (const control of [...this.toggles, ...this.bars.children, this.range]) control.disabled = fixed;
    this.again.disabled = fixed || (keep === 1 && !anyLock(locks));
    this.off.hidden = fixed || !this.again.disabled;
    this.range.value = Math.round(keep * 100);
    this.#percent();
  }

  #bar(bar) {
    const { bars } = this.#kept.locks;
    this.#lock({ bars: bars.includes(bar) ? bars.filter((each) => each !== bar) : [...bars, bar].sort((a, b) => a - b) });
  }

  /** What is locked first would change nothing while all of the rest is kept. */
  #lock(change) {
    const { keep, locks } = this.#kept;
    const now = { ...locks, ...change };
    const first = !anyLock(locks) && keep === 1;
    const last = !anyLock(now) && keep === FIRST_KEEP;
    this.onChange({ locks: now, keep: first ? FIRST_KEEP : last ? 1 : keep });
  }

  #percent() {
    this.output.textContent = `${this.range.value} %`;
    this.range.setAttribute("aria-valuetext", `${this.range.value} percent is kept`);
  }
}

/** One element a bar with its number, in the columns of `row` that the bars take; `bars` are the seconds they begin at. */
function laid(row, bars, seconds, kind, dress) {
  const lengths = bars.slice(1).map((start, index) => start - bars[index]);
  const columns = [Math.max(0, bars[0]), ...lengths, Math.max(0, seconds - bars.at(-1))];
  row.style.gridTemplateColumns = columns.map((length) => `minmax(0, ${length.toFixed(3)}fr)`).join(" ");
  return lengths.map((_, index) => {
    const node = document.createElement(kind);
    node.style.gridColumn = index + 2;
    node.textContent = index + 1;
    dress(node, index + 1);
    return node;
  });
}
