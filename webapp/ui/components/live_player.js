// @ts-check
// Music without end that a camera, or a pointer on a map of pictures, steers from bar to bar.

import { greeted } from "./shared/api.js";
import { dress } from "./shared/dress.js";
import { isOurs, standsOnButton } from "./shared/keys.js";
import { whileOn } from "./shared/lifetime.js";
import { SOUNDS } from "./shared/player.js";
import { json, request } from "./shared/request.js";
import { clock } from "./shared/sound_clock.js";
import { BarPlayer } from "./live/bar_player.js";
import { Camera, READOUTS } from "./live/camera_readouts.js";
import { MidiOut, hasMidi } from "./live/midi_out.js";

const STEP = 1 / 24; // of the map, a key
const MOVES = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const MOST = 3;
const STILL = -0.5; // motion of a pointer that rests
const SLOWING_S = 1;
const SEEDS = 1000000;
const LEAST = { position: STEP / 2, readout: 0.25 }; // from which on something else is seen
const TONICS = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
const NO_CAMERA = {
  NotAllowedError: "The camera was not allowed. Allow it in the browser's settings for this page, or point on the pictures.",
  NotFoundError: "No camera was found. Point on the pictures instead.",
  NotReadableError: "Another program uses the camera. Close it there, or point on the pictures.",
  NotSupportedError: "This browser gives no camera to this page, which needs https. Point on the pictures instead.",
};
const TROUBLE = "The next bar did not come; nothing is lost. Press Start to go on.";

/** @typedef {{points: {name: string, x: number, y: number, url: string, words: string}[], usual: number[][]}} Shown */

class LivePlayer {
  #session = "";
  #seed = Math.floor(Math.random() * SEEDS);
  /** What was asked for last goes by it. @type {Record<string, number | number[]>} */
  #asked = {};
  #position = [0.5, 0.5];
  #speed = 0; // of the pointer, in maps a second
  #moved = 0;
  #drawing = false;

  /**
   * @param {HTMLElement} root
   * @param {Shown} shown
   */
  constructor(root, shown) {
    this.root = root;
    this.shown = shown;
    this.player = new BarPlayer(() => this.#ask(), () => this.#askForHalf());
    this.midi = new MidiOut();
    this.camera = new Camera(this.#find("video"), shown.usual, () => this.#meters());
    this.map = this.#find(".k-live-map");
    this.said = this.#find(".k-said");
    this.#find("[data-testid=live-play]").addEventListener("click", () => this.#toggle());
    this.#find("[data-testid=live-stop]").addEventListener("click", () => this.#stop());
    for (const each of this.#ways()) each.addEventListener("change", () => this.#look());
    for (const each of root.querySelectorAll("select[data-part=music]")) each.addEventListener("change", () => this.#anew());
    this.#lay();
    this.#offerMidi();
    this.player.addEventListener("change", () => this.#show());
    this.player.addEventListener("bar", () => this.#bar());
    this.player.addEventListener("scheduled", (/** @type {any} */ { detail }) => this.midi.send(detail));
    this.player.addEventListener("trouble", (/** @type {any} */ { detail }) => this.#trouble(detail));
    whileOn(root, document, SOUNDS, (event) => event.detail === this || this.player.pause());
    whileOn(root, document, "keydown", (event) => this.#key(event));
    whileOn(root, window, "pagehide", () => this.#leave());
  }

  /** @param {string} name @returns {any} */
  #find(name) {
    return this.root.querySelector(name);
  }

  /** @returns {HTMLInputElement[]} */
  #ways() {
    return [...this.root.querySelectorAll("input[name=live-steer]")].map((each) => /** @type {HTMLInputElement} */ (each));
  }

  get #byCamera() {
    return this.#ways().find((each) => each.checked)?.value === "camera";
  }

  // What is seen

  #lay() {
    for (const { x, y, url } of this.shown.points) {
      const picture = document.createElement("img");
      picture.alt = "";
      picture.draggable = false;
      picture.src = new URL(url, document.baseURI).href;
      picture.style.left = `${100 * x}%`;
      picture.style.top = `${100 * (1 - y)}%`;
      this.map.append(picture);
    }
    this.map.append(document.createElement("i"));
    for (const name of ["pointerdown", "pointermove"]) this.map.addEventListener(name, (/** @type {PointerEvent} */ event) => this.#point(event));
    this.map.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const move = MOVES[/** @type {keyof typeof MOVES} */ (event.key)];
      if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.#go([this.#position[0] + STEP * move[0], this.#position[1] + STEP * move[1]]);
    });
    this.#go(this.#position);
  }

  /** @param {PointerEvent} event */
  #point(event) {
    const { left, top, width, height } = this.map.getBoundingClientRect();
    if (event.type === "pointerdown" && event.pointerType === "touch") this.map.setPointerCapture(event.pointerId);
    this.#go([(event.clientX - left) / width, 1 - (event.clientY - top) / height]);
  }

  /** @param {number[]} place */
  #go(place) {
    const next = place.map((each) => Math.max(0, Math.min(1, each)));
    const now = clock.now() / 1000;
    const seconds = Math.max(1e-3, now - this.#moved);
    const way = Math.hypot(next[0] - this.#position[0], next[1] - this.#position[1]);
    const share = Math.exp(-seconds / SLOWING_S);
    this.#speed = share * this.#speed + (1 - share) * (way / seconds);
    [this.#moved, this.#position] = [now, next];
    const marker = this.#find(".k-live-map i");
    marker.style.left = `${100 * next[0]}%`;
    marker.style.top = `${100 * (1 - next[1])}%`;
    const near = this.shown.points.reduce((one, other) => (away(other, next) < away(one, next) ? other : one));
    this.map.setAttribute("aria-valuenow", String(Math.round(100 * next[0])));
    this.map.setAttribute("aria-valuetext", `picture ${near.name}: ${near.words}`);
  }

  /** How fast the pointer moves, in usual deviations. */
  get #motion() {
    const rest = Math.exp(-(clock.now() / 1000 - this.#moved) / SLOWING_S);
    return Math.min(MOST, 3 * this.#speed * rest + STILL);
  }

  async #look() {
    this.said.textContent = "";
    const on = this.#byCamera;
    if (!on) this.camera.close();
    else {
      try {
        await this.camera.open();
      } catch (/** @type {any} */ error) {
        this.#ways()[0].checked = true;
        this.said.textContent = NO_CAMERA[/** @type {keyof typeof NO_CAMERA} */ (error.name)] ?? NO_CAMERA.NotReadableError;
      }
    }
    this.map.hidden = this.#byCamera;
    this.#find(".k-live-camera").hidden = !this.#byCamera;
    this.#meters();
  }

  /** What is seen now, as the server takes it. @returns {Record<string, number | number[]>} */
  #seen() {
    const { seen } = this.camera;
    if (this.#byCamera && seen) return Object.fromEntries(READOUTS.map((name, i) => [name, Number(seen[i].toFixed(4))]));
    if (this.#byCamera) return {};
    return { position: this.#position.map((each) => Number(each.toFixed(4))), motion: Number(this.#motion.toFixed(4)) };
  }

  // What sounds

  async #ask() {
    const begun = Boolean(this.#session);
    if (!begun) await this.#begin();
    try {
      return await this.#compose("bars");
    } catch (/** @type {any} */ error) {
      if (!begun || error.status !== 404) throw error;
      await this.#begin(); // it was idle for too long, or the server has begun anew
      return this.#compose("bars");
    }
  }

  /** The second half of the bar, where something else is seen than what it was asked for by. */
  #askForHalf() {
    const [seen, asked] = [this.#seen(), this.#asked];
    const moved = Object.keys(seen).some((name) => {
      const [now, then] = [seen[name], asked[name]];
      if (Array.isArray(now)) return !Array.isArray(then) || Math.hypot(now[0] - then[0], now[1] - then[1]) >= LEAST.position;
      return Math.abs(now - Number(then ?? 0)) >= LEAST.readout;
    });
    return this.#session && moved ? this.#compose("bars/second-half") : null;
  }

  /** @param {string} what @returns {Promise<import("./live/bar_player.js").Bar>} */
  #compose(what) {
    this.#asked = this.#seen();
    return json("POST", `/api/live/${this.#session}/${what}`, this.#asked);
  }

  async #begin() {
    await greeted();
    const [domain, way] = ["domain", "way"].map((name) => this.#find(`[name=live-${name}]`).value);
    this.#session = (await json("POST", "/api/live", { domain, way, seed: this.#seed })).session_id;
  }

  #toggle() {
    this.said.textContent = "";
    if (this.player.playing) {
      this.player.pause();
      return;
    }
    document.dispatchEvent(new CustomEvent(SOUNDS, { detail: this }));
    this.player.start();
  }

  /** End it, the camera too. */
  #stop() {
    this.player.pause();
    this.#end();
    this.#ways()[0].checked = true;
    this.#look();
    this.player.bar = null;
    this.#show();
  }

  /** Other music from the next bar on. */
  #anew() {
    this.#end();
    this.said.textContent = this.player.playing ? "From the next bar on." : "";
  }

  #end() {
    const session = this.#session;
    this.#session = "";
    this.#seed = Math.floor(Math.random() * SEEDS);
    if (session) request("DELETE", `/api/live/${session}`).catch(() => {}); // it ends by itself, too
  }

  #leave() {
    this.player.pause();
    this.camera.close();
  }

  /** @param {any} error */
  #trouble(error) {
    if (error.status === 422 || error.status === 404) this.#session = "";
    const words = error.status ? `${error.message[0]?.toUpperCase() ?? ""}${error.message.slice(1)}.` : "";
    this.said.textContent = words.length > 1 ? words : TROUBLE;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== " " || !isOurs(event) || standsOnButton(event.target)) return;
    event.preventDefault();
    this.#toggle();
  }

  // What is shown

  #bar() {
    const { bar } = this.player;
    if (!this.root.isConnected) this.#leave(); // Gradio has taken the page away
    if (!bar) return;
    if (this.said.textContent === "From the next bar on.") this.said.textContent = "";
    this.#show();
    this.#meters();
    if (!this.#drawing) this.#beat();
  }

  #show() {
    const { bar, playing } = this.player;
    const button = this.#find("[data-testid=live-play]");
    button.textContent = playing ? "Pause" : "Start";
    button.setAttribute("aria-pressed", String(playing));
    this.#find("[data-testid=live-stop]").disabled = !playing && !this.#session;
    const key = bar && `${TONICS[bar.tonic]} ${bar.major ? "major" : "minor"}`;
    this.#find("[data-testid=live-bar]").textContent = bar
      ? `Bar ${bar.number + 1} · ${Math.round(bar.tempo_bpm)} quarters a minute · ${key}`
      : playing ? "Composing the first bar…" : "";
    if (!playing) this.midi.stop();
  }

  #beat() {
    const { bar, playing, heardS, beganS } = this.player;
    this.#drawing = playing && this.root.isConnected;
    const beats = this.#find(".k-live-beats");
    const count = bar ? bar.meter[0] : 0;
    if (beats.childElementCount !== count) beats.replaceChildren(...Array.from({ length: count }, () => document.createElement("span")));
    const now = bar && playing ? Math.floor(((heardS - beganS) / bar.seconds) * count) : -1;
    [...beats.children].forEach((each, i) => each.classList.toggle("k-on", i === Math.max(0, Math.min(count - 1, now)) && now >= -1 && playing));
    if (this.#drawing) clock.frame(() => this.#beat());
  }

  #meters() {
    const sounding = this.player.bar?.readouts;
    const sides = this.player.bar?.sides;
    const seen = this.#byCamera ? this.camera.seen : null;
    READOUTS.forEach((name, i) => {
      const row = this.#find(`[data-readout=${name}]`);
      const heard = sounding?.[name];
      row.style.setProperty("--heard", String((heard ?? 0) / MOST));
      row.style.setProperty("--seen", String((seen?.[i] ?? heard ?? 0) / MOST));
      row.classList.toggle("k-seen", Boolean(seen));
      const [less, more] = [row.dataset.less, row.dataset.more];
      const asked = (sides && Object.values(sides)[i]) ?? 0;
      row.querySelector("output").textContent = !sides ? "" : `: ${Math.abs(asked) < 0.35 ? "as usual" : asked > 0 ? more : less}`;
    });
  }

  #offerMidi() {
    const row = this.#find(".k-live-midi");
    row.hidden = !hasMidi();
    const choice = /** @type {HTMLSelectElement} */ (row.querySelector("select"));
    row.querySelector("button").addEventListener("click", async () => {
      try {
        const found = await this.midi.instruments();
        choice.replaceChildren(new Option("no instrument", ""), ...[...found].map(([id, name]) => new Option(name, id)));
        choice.hidden = false;
        this.said.textContent = found.size ? "Choose an instrument: clock and notes go there." : "No MIDI instrument is connected.";
      } catch {
        this.said.textContent = "The browser did not allow MIDI for this page.";
      }
    });
    choice.addEventListener("change", () => this.midi.choose(choice.value));
  }
}

/**
 * @param {{x: number, y: number}} point
 * @param {number[]} place
 */
const away = ({ x, y }, place) => Math.hypot(x - place[0], y - place[1]);

/** @param {import("./shared/types.d.ts").GradioComponent<Shown>} component */
export async function start(component) {
  const root = /** @type {HTMLElement} */ (component.element.querySelector(".k-live"));
  new LivePlayer(root, component.props.value);
  await dress(component.element, import.meta.url, "live_player.css");
}
