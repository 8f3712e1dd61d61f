// Clips in a list that plays through the same kind of player as the pairs, each with a button of its own where wanted.

import * as api from "./api.js";
import { PairPlayer, decode } from "./player.js";
import { samePlace } from "./same_place.js";
import { Roll } from "./roll.js";
import { onThemeChange } from "./theme.js";

const ICONS =
  '<svg viewBox="0 0 24 24" aria-hidden="true"><path class="k-icon-play" d="M8 5.2v13.6L19 12z"/>' +
  '<path class="k-icon-pause" d="M7 5h3.6v14H7zM13.4 5H17v14h-3.6z"/></svg>';

/** Emits "play" when it begins to sound, so that others can fall silent. */
export class ClipList extends EventTarget {
  #rows = [];
  #running = false;
  #open = null; // the row whose sound the player holds
  #presses = 0; // of which the last counts, whichever sound comes first

  /**
   * `action`: what the button of each row says, and `onAction(clip)`; a clip whose `piece` is null has none.
   * `together`: one clip goes on at the place in the music where another was, and all are fetched beforehand.
   */
  constructor(list, signal, { action = "", onAction = null, together = false } = {}) {
    super();
    this.list = list;
    this.signal = signal;
    this.action = action;
    this.onAction = onAction;
    this.together = together;
    this.player = new PairPlayer();
    this.player.addEventListener("change", () => this.#playing());
    signal.addEventListener("abort", () => this.player.pause());
    onThemeChange(() => this.#rows.forEach((row) => row.roll.repaint()), signal);
  }

  /**
   * Show clips `[{heading, detail, audio_url, notes_url, seconds, lazy}, …]`; what was shown before stays in place. The
   * roll of a `lazy` one is drawn when it is to sound.
   */
  show(clips) {
    const known = new Map(this.#rows.map((row) => [row.clip.audio_url, row]));
    if (this.#open && !clips.some((clip) => clip.audio_url === this.#open.clip.audio_url)) {
      this.player.pause();
      this.#open = null;
    }
    this.#rows = clips.map((clip) => this.#renewed(known.get(clip.audio_url), clip) ?? this.#row(clip));
    this.list.replaceChildren(...this.#rows.map((row) => row.node));
    if (this.together) this.#fetchAll(this.#rows);
  }

  pause() {
    this.#presses += 1;
    this.player.pause();
  }

  /** Sound a clip of the list, within a tap or key press. */
  async play(place = 0) {
    await this.#play(this.#rows[place]);
  }

  async #fetchAll(rows) {
    for (const row of rows) {
      if (this.signal.aborted || rows !== this.#rows) return;
      await this.#fetch(row).catch(() => {}); // it is asked for again when it is to sound
    }
  }

  async #fetch(row) {
    row.sound ??= api.audio(row.clip.audio_url).then(decode);
    try {
      row.buffer = await row.sound;
    } catch (error) {
      row.sound = null;
      throw error;
    }
  }

  #renewed(row, clip) {
    if (!row || row.action !== this.action || row.clip.heading !== clip.heading || row.clip.detail !== clip.detail) return null;
    row.clip = clip;
    return row;
  }

  #row(clip) {
    const node = document.createElement("div");
    node.className = "k-clip k-favourite";
    node.innerHTML = `
      <button type="button" class="k-play" aria-pressed="false">${ICONS}</button>
      <div class="k-favourite-text"><b></b><span></span></div>
      <div class="k-roll" role="slider" tabindex="0" aria-valuemin="0" aria-valuemax="0" aria-valuenow="0">
        <canvas aria-hidden="true"></canvas></div>`;
    node.querySelector("b").textContent = clip.heading;
    node.querySelector("span").textContent = clip.detail;
    node.querySelector(".k-roll").setAttribute("aria-label", `Position in ${clip.heading}`);
    const row = { clip, node, action: this.action, button: node.querySelector(".k-play"), buffer: null };
    row.button.setAttribute("aria-label", `Play ${clip.heading}`);
    row.roll = new Roll(node.querySelector(".k-roll"), (seconds) => this.#play(row, seconds));
    row.button.addEventListener("click", () => this.#play(row), { signal: this.signal });
    if (this.action && clip.piece !== null) {
      node.append(this.#actionButton(row));
      node.classList.add("k-acting");
    }
    if (!clip.lazy) this.#roll(row);
    return row;
  }

  #roll(row) {
    const { clip } = row;
    row.drawn = true;
    api.notes(clip.notes_url).then(({ notes, seconds }) => row.roll.show(notes, clip.seconds ?? seconds)).catch(() => {});
  }

  #actionButton(row) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "k-quiet k-small";
    button.textContent = this.action;
    button.setAttribute("aria-label", `${this.action}: ${row.clip.heading}, ${row.clip.detail}`);
    button.addEventListener("click", () => this.onAction(row.clip), { signal: this.signal });
    return button;
  }

  async #play(row, seconds = null) {
    this.player.unlock(); // within the tap, before anything is waited for
    const press = ++this.#presses;
    if (this.#open !== row) {
      if (!row.drawn) this.#roll(row);
      row.button.setAttribute("aria-busy", !row.buffer);
      try {
        await this.#fetch(row);
        if (press !== this.#presses) return;
        if (this.together && seconds === null && this.player.playing) seconds = this.#same(row);
        this.player.pause();
      } catch {
        row.button.title = "This clip could not be loaded. Please try again.";
        return;
      } finally {
        row.button.setAttribute("aria-busy", false);
      }
      this.#open?.roll.draw(0, false);
      this.#open = row;
      this.player.load({ a: row.buffer });
    }
    if (seconds !== null) this.player.seek("a", seconds);
    if (seconds !== null && this.player.playing !== "a") this.player.play("a");
    else if (seconds === null) this.player.toggle("a");
  }

  /** Where `row` is in the music as far as what sounds now. */
  #same(row) {
    return samePlace(this.player.position("a"), this.#open.clip.bars_s, row.clip.bars_s);
  }

  #playing() {
    if (this.player.playing === "a") this.dispatchEvent(new Event("play"));
    for (const row of this.#rows) {
      const on = row === this.#open && this.player.playing === "a";
      row.node.classList.toggle("k-sounding", on);
      row.button.setAttribute("aria-pressed", on);
      row.button.setAttribute("aria-label", `${on ? "Pause" : "Play"} ${row.clip.heading}`);
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
