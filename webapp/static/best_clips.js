// The best clips so far, in a list that plays through the same kind of player as the pairs.

import * as api from "./api.js";
import { PairPlayer, decode } from "./player.js";
import { Roll } from "./roll.js";
import { onThemeChange } from "./theme.js";

const ICONS =
  '<svg viewBox="0 0 24 24" aria-hidden="true"><path class="k-icon-play" d="M8 5.2v13.6L19 12z"/>' +
  '<path class="k-icon-pause" d="M7 5h3.6v14H7zM13.4 5H17v14h-3.6z"/></svg>';

export class BestClips {
  #rows = [];
  #running = false;
  #open = null; // the row whose sound the player holds

  constructor(list, signal) {
    this.list = list;
    this.signal = signal;
    this.player = new PairPlayer();
    this.player.addEventListener("change", () => this.#playing());
    signal.addEventListener("abort", () => this.player.pause());
    onThemeChange(() => this.#rows.forEach((row) => row.roll.repaint()), signal);
  }

  /** Show clips `[{audio_url, notes_url, seconds, composed}, …]`, best first. */
  show(clips) {
    this.player.pause();
    this.#open = null;
    this.#rows = clips.map((clip, index) => this.#row(clip, index + 1));
    this.list.replaceChildren(...this.#rows.map((row) => row.node));
    if (!clips.length) this.list.textContent = "Your favourites appear here once you have picked a few.";
  }

  #row(clip, rank) {
    const node = document.createElement("div");
    node.className = "k-clip k-favourite";
    node.innerHTML = `
      <button type="button" class="k-play" aria-label="Play number ${rank}" aria-pressed="false">${ICONS}</button>
      <div class="k-favourite-text"><b>No. ${rank}</b><span>${clip.composed ? "composed for you" : "composed for all"}</span></div>
      <div class="k-roll" role="slider" tabindex="0" aria-label="Position in number ${rank}" aria-valuemin="0"
           aria-valuemax="0" aria-valuenow="0"><canvas aria-hidden="true"></canvas></div>`;
    const row = { clip, rank, node, button: node.querySelector(".k-play"), buffer: null };
    row.roll = new Roll(node.querySelector(".k-roll"), (seconds) => this.#play(row, seconds));
    row.button.addEventListener("click", () => this.#play(row), { signal: this.signal });
    api.notes(clip.notes_url).then(({ notes }) => row.roll.show(notes, clip.seconds)).catch(() => {});
    return row;
  }

  async #play(row, seconds = null) {
    this.player.unlock(); // within the tap, before anything is waited for
    if (this.#open !== row) {
      this.player.pause();
      try {
        row.buffer ??= await decode(await api.audio(row.clip.audio_url));
      } catch {
        row.button.title = "This clip could not be loaded. Please try again.";
        return;
      }
      this.#open?.roll.draw(0, false);
      this.#open = row;
      this.player.load(row.buffer, null);
    }
    if (seconds !== null) this.player.seek("a", seconds);
    if (seconds !== null && this.player.playing !== "a") this.player.play("a");
    else if (seconds === null) this.player.toggle("a");
  }

  #playing() {
    for (const row of this.#rows) {
      const on = row === this.#open && this.player.playing === "a";
      row.node.classList.toggle("k-sounding", on);
      row.button.setAttribute("aria-pressed", on);
      row.button.setAttribute("aria-label", `${on ? "Pause" : "Play"} number ${row.rank}`);
    }
    this.#run();
  }

  /** Draw while something sounds, and once more when it stops. */
  #run() {
    if (this.#running) return;
    this.#running = true;
    const step = () => {
      const playing = this.player.playing === "a";
      this.#running = playing && !this.signal.aborted;
      this.#open?.roll.draw(this.player.position("a"), playing);
      if (this.#running) window.requestAnimationFrame(step);
    };
    window.requestAnimationFrame(step);
  }
}
