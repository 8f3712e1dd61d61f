// @ts-check
// Clips in a list: each has a button that plays it, its piano roll, and a button of its own where wanted; a picture is shown.

import { audio, notes as notesAt, picture, played } from "./shared/api.js";
import { cover, onItsOwn } from "./shared/cover.js";
import { dress } from "./shared/dress.js";
import { isOurs, standsOnButton } from "./shared/keys.js";
import { whileOn } from "./shared/lifetime.js";
import { nowPlaying, stands } from "./shared/now_playing.js";
import { Player, SOUNDS, decode } from "./shared/player.js";
import { Roll } from "./shared/roll.js";
import { samePlace } from "./shared/same_place.js";
import { savingMenu } from "./shared/saving.js";
import { clock } from "./shared/sound_clock.js";
import { SoundingBar } from "./shared/sounding_bar.js";
import { onThemeChange } from "./shared/theme.js";

const ENDED = "kallos.ended"; // said on the document by a list whose clip has sounded to its end, and nothing follows
const ICONS =
  '<svg viewBox="0 0 24 24" aria-hidden="true"><path class="k-icon-play" d="M8 5.2v13.6L19 12z"/>' +
  '<path class="k-icon-pause" d="M7 5h3.6v14H7zM13.4 5H17v14h-3.6z"/></svg>';

/**
 * A clip as Python gave it: with the file or the address of its sound, with its notes or their address.
 * @typedef {{heading: string, detail: string, audio?: {url: string}, audio_url: string, notes?: any[], notes_url: string, image_url?: string | null, seconds?: number, bars_s?: number[], acts?: boolean, leads_to?: string, lazy?: boolean, cover?: boolean, sections?: string, id?: string, begins?: string, plays?: string, save?: import("./shared/saving.js").Save}} Clip
 * @typedef {{clip: Clip, node: HTMLElement, button: HTMLButtonElement, roll: Roll, buffer: AudioBuffer | null, sound: Promise<AudioBuffer> | null, drawn: boolean, bars: number[]}} Row
 */

/** @type {ClipList | null} */
let sounding = null; // the list of the page that sounds now, which no clip that plays by itself interrupts
/** @type {ClipList | null} */
let coming = null; // the list that is to sound as soon as its clip is loaded, which none interrupts either

const soundOf = (/** @type {Clip} */ clip) => clip.audio?.url ?? clip.audio_url;

const nameOf = (/** @type {Clip} */ clip) => clip.id ?? JSON.stringify(clip);

/** What the address of its score has of it, too. @param {Clip} clip */
const nameInAddress = (clip) => clip.id ?? (clip.notes_url ?? "").replace(/^\/|\/notes$/g, "");

/** What didn't work, in a row. @param {HTMLElement} node @param {string} words */
function say(node, words) {
  /** @type {HTMLElement} */ (node.querySelector(".k-listed-text [role=status]")).textContent = words;
}

/** The sections of a piece over its roll. @param {string} form */
function sections(form) {
  const strip = document.createElement("div");
  strip.className = "k-sections";
  strip.ariaHidden = "true";
  for (const letter of form) {
    const part = document.createElement("span");
    part.textContent = letter;
    part.dataset.section = letter;
    strip.append(part);
  }
  return strip;
}

class ClipList {
  /** @type {Row[]} */
  #rows = [];
  /** @type {Row | null} */
  #open = null; // the row whose sound the player holds
  #presses = 0; // of which the last counts, whichever sound comes first
  #running = false;
  #played = 0;
  #all = false; // whether one row follows after the other
  #sounded = false; // whether something sounded when the player last changed
  #due = false; // whether the first row is to sound as soon as what sounds elsewhere has ended
  #awaiting = false; // whether the row that comes on top next is to sound
  #bar = new SoundingBar();

  /**
   * @param {HTMLElement} list
   * @param {import("./shared/types.d.ts").GradioComponent} component
   */
  constructor(list, { props, trigger }) {
    this.list = list;
    this.props = props;
    this.trigger = trigger;
    this.player = new Player();
    this.player.addEventListener("change", () => this.#playing());
    this.all = /** @type {HTMLButtonElement | null} */ (list.parentElement?.querySelector(".k-play-all"));
    this.all?.addEventListener("click", () => this.#playAll());
    this.steps = /** @type {HTMLButtonElement[]} */ ([...(list.parentElement?.querySelectorAll(".k-steps button") ?? [])]);
    for (const button of this.steps) button.addEventListener("click", () => this.#step(Number(button.dataset.steps)));
    whileOn(list, document, SOUNDS, (event) => event.detail === this || this.pause());
    onThemeChange(list, () => this.#rows.forEach((row) => row.roll.repaint()));
    whileOn(list, document, ENDED, () => this.#due && this.#rows.length && this.#sound(this.#rows[0], 0));
    if (props.endless) whileOn(list, document, "keydown", (event) => this.#key(event));
    // a clip may be set to sound after a tap elsewhere on the page, which is what allows it to
    for (const name of ["click", "keydown"]) whileOn(list, document, name, () => this.#rows.length && this.player.unlock());
  }

  /** Show what Python has set; of rows that were there before only the detail changes. */
  show() {
    const { rows: clips = [], play = 0 } = this.props.value ?? {};
    const known = new Map(this.#rows.map((row) => [nameOf(row.clip), row]));
    this.#rows = clips.map((/** @type {Clip} */ clip) => this.#detailed(known.get(nameOf(clip)), clip) ?? this.#row(clip));
    const before = this.#open;
    if (before) {
      this.#open = this.#standing(before);
      if (!this.#open) this.player.pause();
    }
    const nodes = this.#rows.map((row) => row.node);
    const there = [...this.list.children];
    // the same rows keep the focus, and a menu that is open
    if (nodes.length !== there.length || nodes.some((node, at) => node !== there[at])) this.list.replaceChildren(...nodes);
    if (this.#open && this.#open !== before) this.#extend(this.#open);
    this.steps.forEach((button) => (button.hidden = !this.#rows.length));
    const silent = this.#rows.some(({ clip }) => clip.image_url);
    if (this.all) this.all.hidden = silent || this.#rows.length < 2;
    if (silent) this.#played = Math.max(play, this.#played);
    else if (play > this.#played && this.#rows.length) {
      this.#played = play;
      this.#due = [sounding, coming].some((list) => list && list !== this);
      if (!this.#due) {
        this.player.unlock();
        this.#sound(this.#rows[0], 0);
      }
    }
    else if (this.#awaiting && this.#rows.length && this.#rows[0] !== this.#open) this.#sound(this.#rows[0], 0);
    if (this.props.together && !silent) this.#fetchAll(this.#rows);
    this.#ahead();
  }

  /** A row that is there, with what is said of it now. @param {Row | undefined} row @param {Clip} clip */
  #detailed(row, clip) {
    if (!row || row.clip.detail === clip.detail) return row;
    row.clip = { ...row.clip, detail: clip.detail };
    const said = row.node.querySelector(".k-listed-text > span");
    if (said) said.textContent = clip.detail;
    return row;
  }

  /** What is on the page of a row: itself, or the piece that begins with it. @param {Row} row */
  #standing(row) {
    if (this.#rows.includes(row)) return row;
    return this.#rows.find(({ clip }) => clip.begins && clip.begins === row.clip.id) ?? null;
  }

  pause() {
    this.#presses += 1;
    this.#all = this.#awaiting = false;
    if (coming === this) coming = null;
    this.player.pause();
  }

  #playAll() {
    if (this.#all) return this.pause();
    this.player.unlock();
    this.#all = true;
    this.#sound(this.#rows[0], 0);
  }

  /** Where one row has sounded to its end, go on with the next. */
  #goOn() {
    const place = this.#rows.findIndex((row) => row === this.#open);
    this.#all = this.#all && place >= 0 && place < this.#rows.length - 1;
    if (this.#all) this.#sound(this.#rows[place + 1], 0);
  }

  /** Where one row has sounded to its end, go on with the one above, as soon as there is one. */
  #goUp() {
    const place = this.#rows.findIndex((row) => row === this.#open);
    if (place > 0) this.#sound(this.#rows[place - 1], 0);
    else this.#awaiting = place === 0;
  }

  /** The row that stands `steps` after the one that is open; those that come on top are the next of an endless list. @param {number} steps */
  #beside(steps) {
    const place = this.#rows.findIndex((row) => row === this.#open);
    if (place < 0) return this.props.endless ? this.#rows[0] : undefined;
    return this.#rows[place + (this.props.endless ? -steps : steps)];
  }

  /** Go on with another row; the next of an endless list may still be on its way. @param {number} steps */
  #step(steps) {
    const row = this.#beside(steps);
    this.player.unlock();
    if (row) this.#sound(row, 0);
    else if (steps > 0 && this.props.endless) this.#awaiting = true;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.#rows.length || !isOurs(event)) return;
    const key = event.key.toLowerCase();
    if (key === "n") this.#step(1);
    else if (key === "p") this.#step(-1);
    else if (key === " " && !standsOnButton(event.target)) this.#press(this.#open ?? this.#rows[0]);
    else return;
    event.preventDefault();
  }

  /** The whole piece is there whose beginning is open: go on in it, at the same place. @param {Row} row */
  async #extend(row) {
    this.#playing();
    try {
      await this.#fetch(row);
    } catch {
      return; // its beginning sounds on, and the row plays it whole when it is pressed
    }
    if (row !== this.#open || !row.buffer) return;
    const awaited = this.#awaiting; // the beginning has sounded to its end meanwhile
    this.#awaiting = false;
    this.player.extend("a", row.buffer);
    if (awaited) this.player.play("a");
  }

  /** Of an endless list: fetch what sounds next and let go of the others, since a minute of sound takes twenty megabytes. */
  #ahead() {
    if (!this.props.endless) return;
    const next = this.#open ? this.#beside(1) : this.#rows[0];
    for (const row of this.#rows) if (row !== next && row !== this.#open) row.buffer = row.sound = null;
    if (next) this.#fetch(next).catch(() => {}); // it is asked for again when it is to sound
  }

  /** @param {Row[]} rows */
  async #fetchAll(rows) {
    for (const row of rows) {
      if (rows !== this.#rows || !this.list.isConnected) return;
      await this.#fetch(row).catch(() => {}); // it is asked for again when it is to sound
    }
  }

  /** @param {Row} row */
  async #fetch(row) {
    row.sound ??= audio(soundOf(row.clip)).then(decode);
    try {
      row.buffer = await row.sound;
    } catch (error) {
      row.sound = null;
      throw error;
    }
  }

  /**
   * @param {Clip} clip
   * @returns {Row}
   */
  #row(clip) {
    const node = document.createElement("div");
    node.className = "k-clip k-listed";
    node.innerHTML = `
      <button type="button" class="k-play" aria-pressed="false">${ICONS}</button>
      <div class="k-listed-text"><b></b><span></span><p role="status"></p></div>
      <div class="k-roll" role="slider" tabindex="0" aria-valuemin="0" aria-valuemax="0" aria-valuenow="0">
        <canvas aria-hidden="true"></canvas></div>`;
    const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (node.querySelector(selector));
    part("b").textContent = clip.heading;
    part("span").textContent = clip.detail;
    part(".k-roll").setAttribute("aria-label", `Position in ${clip.heading}`);
    if (clip.cover) {
      node.classList.add("k-covered");
      part(".k-play").insertAdjacentHTML("afterend", '<div class="k-cover" aria-hidden="true"></div>');
    }
    if (clip.sections) part(".k-roll").append(sections(clip.sections));
    const button = /** @type {HTMLButtonElement} */ (part(".k-play"));
    button.setAttribute("aria-label", `Play ${clip.heading}`);
    /** @type {Row} */
    const row = { clip, node, button, roll: new Roll(part(".k-roll"), (at) => this.#press(row, at)), buffer: null, sound: null, drawn: false, bars: clip.bars_s ?? [] };
    button.addEventListener("click", () => this.#press(row));
    if (clip.image_url) this.#look(row);
    const tools = document.createElement("div");
    tools.className = "k-listed-tools";
    if (clip.save) tools.append(savingMenu(clip.heading, clip.save, clip.plays ? () => this.#tell(row, "kept") : null));
    if (clip.acts !== false) tools.append(...[this.props.action].flat().filter(Boolean).map((action) => this.#action(row, action)));
    if (tools.hasChildNodes()) node.append(tools);
    if (!clip.lazy && !clip.image_url) this.#draw(row);
    return row;
  }

  /** A picture takes the place of the button and the roll. @param {Row} row */
  async #look({ clip, node, button, roll }) {
    node.classList.add("k-pictured");
    roll.slider.remove();
    button.hidden = true;
    try {
      const image = await picture(clip.image_url ?? "");
      image.className = "k-seen";
      image.alt = clip.heading;
      button.replaceWith(image);
    } catch {
      say(node, "This picture could not be loaded. Please open the page again.");
    }
  }

  /** @param {Row} row @param {string} action */
  #action(row, action) {
    const button = document.createElement(row.clip.leads_to ? "a" : "button");
    if (row.clip.leads_to) /** @type {HTMLAnchorElement} */ (button).href = row.clip.leads_to;
    else /** @type {HTMLButtonElement} */ (button).type = "button";
    button.className = "k-quiet k-small";
    button.textContent = action;
    button.setAttribute("aria-label", `${action}: ${row.clip.heading}, ${row.clip.detail}`);
    button.addEventListener("click", () => this.trigger("act", { index: this.#rows.indexOf(row), id: row.clip.id, action }));
    return button;
  }

  /** @param {Row} row */
  async #draw(row) {
    row.drawn = true;
    const { clip } = row;
    try {
      const { notes, seconds, bars_s: bars } = clip.notes ? { notes: clip.notes, seconds: 0 } : await notesAt(clip.notes_url);
      row.bars = bars ?? row.bars;
      row.roll.show(notes, clip.seconds ?? seconds);
      const place = row.node.querySelector(".k-cover");
      if (place) place.innerHTML = cover(notes, clip.seconds ?? seconds, clip.sections);
      if (place && row.node.classList.contains("k-sounding")) this.#announce(row); // now with its picture
    } catch {
      row.drawn = false; // it sounds without
    }
  }

  /**
   * @param {Row} row
   * @param {number | null} seconds
   */
  #press(row, seconds = null) {
    if (row === this.#open && this.player.playing && seconds === null) this.#all = false;
    this.player.unlock(); // within the tap, before anything is waited for
    return this.#sound(row, seconds);
  }

  /**
   * Sound a row from a second on, or go on with it or pause it.
   * @param {Row} row
   * @param {number | null} seconds
   * @returns {Promise<void>}
   */
  async #sound(row, seconds) {
    this.#presses += 1;
    this.#awaiting = false;
    const press = this.#presses;
    if (!row.drawn) this.#draw(row);
    say(row.node, "");
    coming = this.#open === row ? null : this;
    if (this.#open !== row) {
      row.button.setAttribute("aria-busy", String(!row.buffer));
      try {
        await this.#fetch(row);
      } catch {
        if (press !== this.#presses || coming !== this) return;
        say(row.node, "This clip could not be loaded. Please try again.");
        coming = null;
        return this.#ended();
      } finally {
        row.button.setAttribute("aria-busy", "false");
      }
      if (press !== this.#presses || coming !== this) return; // something else was pressed since
      coming = null;
      const standing = this.list.isConnected ? this.#standing(row) : null;
      if (!standing) return this.#ended(); // other rows were shown since
      if (standing !== row) return this.#sound(standing, seconds);
      const place = this.props.together && seconds === null && this.player.playing ? this.#same(row) : seconds;
      this.player.pause();
      this.#leave();
      this.#open = row;
      this.player.load({ a: row.buffer });
      if (place !== null) this.player.seek("a", place);
      this.player.play("a");
      this.#ahead();
    } else if (seconds === null) this.player.toggle("a");
    else {
      const sounds = this.player.playing === "a"; // then a place at its very end ends it
      this.player.seek("a", seconds);
      if (!sounds) this.player.play("a");
    }
  }

  /** What is to sound by itself may begin, unless something comes that was pressed. */
  #ended() {
    if (!coming) document.dispatchEvent(new CustomEvent(ENDED));
  }

  /** Another row is to sound: the one that is open was skipped, unless it has come to its end. */
  #leave() {
    if (this.#open && !this.player.ended("a")) this.#tell(this.#open, "skipped").catch(() => {}); // or not: nothing hangs on it
    this.#open?.roll.draw(0, false);
  }

  /** Tell what became of a row, where somebody wants to know. @param {Row} row @param {"heard_out" | "skipped" | "kept"} outcome */
  async #tell(row, outcome) {
    if (row.clip.plays) await played(row.clip.plays, outcome, row === this.#open ? this.player.heardMs("a") : 0);
  }

  /**
   * Where `row` is in the music as far as what sounds now.
   * @param {Row} row
   */
  #same(row) {
    return samePlace(this.player.position("a"), this.#open?.clip.bars_s ?? [], row.clip.bars_s ?? []);
  }

  #playing() {
    const sounds = this.player.playing === "a";
    if (sounds) {
      sounding = this;
      this.#due = false;
    } else if (sounding === this) {
      sounding = null;
      if (this.player.ended("a") && !this.#all && !this.props.endless) this.#ended();
    }
    if (this.#all && !sounds && this.player.ended("a")) this.#goOn();
    if (this.#open && this.#sounded && !sounds && this.player.ended("a")) this.#tell(this.#open, "heard_out").catch(() => {});
    if (this.props.endless && this.#sounded && !sounds && this.player.ended("a")) this.#goUp();
    this.#sounded = sounds;
    if (this.all) this.all.textContent = this.#all ? "Stop" : "Play all";
    for (const row of this.#rows) {
      const on = sounds && row === this.#open;
      if (on && !row.node.classList.contains("k-sounding")) {
        document.dispatchEvent(new CustomEvent(SOUNDS, { detail: this }));
        this.trigger("select", { index: this.#rows.indexOf(row), id: row.clip.id });
        this.#announce(row);
      }
      row.node.classList.toggle("k-sounding", on);
      row.button.setAttribute("aria-pressed", String(on));
      row.button.setAttribute("aria-label", `${on ? "Pause" : "Play"} ${row.clip.heading}`);
    }
    if (this.#open) stands(this, sounds, this.player.position("a"), this.player.duration("a"));
    if (!this.#running) this.#run();
  }

  /** Tell the device what sounds, and what its controls do. @param {Row} row */
  #announce(row) {
    const { heading, detail } = row.clip;
    const picture = row.node.querySelector(".k-cover svg");
    const move = (/** @type {number} */ steps) => (this.#beside(steps) || (steps > 0 && this.props.endless) ? () => this.#step(steps) : null);
    nowPlaying(this, { title: heading, artist: detail, picture: picture && onItsOwn(picture) }, {
      play: () => this.player.playing || this.#press(row),
      pause: () => this.player.pause(),
      seek: (seconds) => this.player.seek("a", seconds),
      next: move(1),
      previous: move(-1),
    });
  }

  /** Draw while something sounds, and once more when it stops. */
  #run() {
    this.#running = true;
    const step = () => {
      const sounds = this.player.playing === "a";
      this.#running = sounds && this.list.isConnected;
      this.#open?.roll.draw(this.player.position("a"), sounds);
      if (this.#open) this.#bar.tell(nameInAddress(this.#open.clip), this.#open.bars, sounds ? this.player.position("a") : null);
      if (this.#running) clock.frame(step);
      else if (sounds) this.player.pause(); // the list was taken off the page
    };
    clock.frame(step);
  }
}

/** @param {import("./shared/types.d.ts").GradioComponent} component */
export async function start(component) {
  const { element, watch } = component;
  const list = new ClipList(/** @type {HTMLElement} */ (element.querySelector(".k-clips")), component);
  watch("value", () => list.show());
  await dress(element, import.meta.url, "shared/clip.css", "clip_list.css");
  list.show();
}
