// A walk along one style: where it begins, five steps that play, and what moved in their notes.

import * as api from "./api.js";
import { ClipList } from "./clip_list.js";
import { offerLink } from "./link_dialog.js";
import { figure, fillMatrix } from "./matrix.js";
import { Picker } from "./picker.js";
import { saveAs } from "./save.js";
import { capital } from "./words.js";

const ATTRIBUTES = {
  onsets_per_bar: "onsets a bar",
  mean_pitch: "mean pitch",
  mode: "mode",
  mean_velocity: "mean velocity",
  tempo_bpm: "tempo",
  notes_per_onset: "notes an onset",
  contour: "contour",
  leap: "leap",
};
const SOURCE = /^(clips|pieces)\/[0-9a-f-]{36}$/;
const PLAIN = { low: null, high: null, heat: 0 }; // of a cell that is not tinted
const PATIENCE = 3;

const level = (by) => `Value ${by + 3} of 5`; // of a code
const signed = (by) => (by === 0 ? "As it is" : `${by > 0 ? "+" : "−"}${Math.abs(by)} SD`);
const query = (asked) => new URLSearchParams(Object.entries(asked).filter(([, value]) => value !== "")).toString();

export class Walk {
  #groups = {}; // style → {attribute, sd} along which one can walk
  #source = ""; // the clip that it begins with; empty: the prior's draw
  #number = 0; // of what was asked for last
  #shown = null; // the walk on the page

  constructor(root, signal, onPlay) {
    this.root = root;
    this.signal = signal;
    this.find = (selector) => root.querySelector(selector);
    this.part = (name) => this.find(`.k-walk [data-part=${name}]`);
    this.clips = new ClipList(this.part("steps"), signal, { together: true });
    this.clips.addEventListener("play", onPlay);
    this.picker = new Picker(root, signal, () => this.clips.pause());
    this.seed = this.part("seed");
    this.guidance = this.part("guidance");
    const acts = {
      walk: () => this.compose(),
      another: () => this.#another(),
      choose: () => this.#choose(),
      "walk-csv": () => this.#csv(),
      share: () => offerLink(this.find("[data-dialog=walk-link]"), window.location.href),
    };
    for (const [name, act] of Object.entries(acts)) {
      this.find(`[data-do=${name}]`).addEventListener("click", act, { signal });
    }
    for (const radio of this.#radios("k-walk-domain")) radio.addEventListener("change", () => this.#draw(), { signal });
    this.seed.addEventListener("change", () => this.#draw(), { signal });
    for (const radio of this.#radios("k-walk-group")) radio.addEventListener("change", () => this.#enable(), { signal });
  }

  #radios(name) {
    return [...this.root.querySelectorAll(`[name=${name}]`)];
  }

  #chosen(name) {
    return this.#radios(name).find((radio) => radio.checked)?.value;
  }

  #choice(name, value) {
    for (const radio of this.#radios(name)) radio.checked = radio.value === value;
  }

  /** The walk that the controls ask for. */
  get asked() {
    const group = this.#chosen("k-walk-group");
    const seed = Number.isSafeInteger(this.seed.valueAsNumber) ? Math.max(0, this.seed.valueAsNumber) : 0;
    const { valueAsNumber: wished, max } = this.guidance;
    const given = Number.isFinite(wished) ? Math.min(Number(max), Math.max(0, wished)) : 1;
    const guidance = this.guidance.disabled ? 1 : given;
    return { group, domain: this.#chosen("k-walk-domain"), seed, source: this.#source, guidance };
  }

  /** Guidance has a say where something is drawn. */
  #enable() {
    this.guidance.disabled = Boolean(this.#source) && Boolean(this.#groups[this.#chosen("k-walk-group")]?.attribute);
  }

  /** Set the controls to what an address says, and walk there where it says so. */
  begin({ groups, fill }, domain) {
    this.#groups = groups;
    const there = new URL(window.location.href).searchParams;
    const names = Object.keys(groups);
    const wanted = there.get("style");
    this.#choice("k-walk-group", names.includes(wanted) ? wanted : names[0]);
    for (const radio of this.#radios("k-walk-group")) radio.disabled = !names.includes(radio.value);
    const domains = this.#radios("k-walk-domain").map((radio) => radio.value);
    this.#choice("k-walk-domain", domains.includes(there.get("domain")) ? there.get("domain") : domain);
    this.seed.value = /^\d{1,15}$/.test(there.get("seed") ?? "") ? there.get("seed") : 0;
    this.#source = SOURCE.test(there.get("source") ?? "") ? there.get("source") : "";
    this.guidance.value = /^\d(\.\d+)?$/.test(there.get("guidance") ?? "") ? there.get("guidance") : 1;
    this.#enable();
    this.part("no-walk").hidden = names.length > 0;
    this.part("no-walk").querySelector("code").textContent = fill;
    for (const name of ["walk", "another", "choose"]) this.find(`[data-do=${name}]`).disabled = !names.length;
    if (names.includes(wanted)) this.compose();
  }

  #draw() {
    this.#source = "";
    this.#enable();
    this.#say("");
  }

  #another() {
    this.seed.value = this.asked.seed + 1;
    this.#draw();
    this.compose();
  }

  #choose() {
    const words = { title: "Begin with…", action: "Begin" };
    this.picker.open(
      this.asked.group,
      this.asked.domain,
      (choice) => {
        this.#source = choice.name;
        this.#enable();
        this.#choice("k-walk-domain", this.picker.choices.domain);
        this.compose();
      },
      words,
    );
  }

  /** Compose the walk that is asked for; a later one takes over. */
  async compose() {
    const { asked } = this;
    this.#number += 1;
    const number = this.#number;
    this.clips.pause();
    this.find(".k-walk").setAttribute("aria-busy", "true");
    this.#say("Composing five steps…");
    try {
      const steps = await this.#patiently(() => api.walk(query(asked)), number);
      if (number !== this.#number) return;
      this.#show(asked, steps);
      this.#address(asked);
      this.#say("Play a step, then another while it sounds: the music goes on at the same place.");
    } catch (error) {
      if (number !== this.#number) return;
      this.#say(capital(error.status === 0 ? "no connection to Kallos; nothing is lost." : error.message || "that did not work."));
    }
    this.find(".k-walk").setAttribute("aria-busy", "false");
  }

  async #patiently(ask, number) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await ask();
      } catch (error) {
        if (!error.passing || attempt >= PATIENCE || number !== this.#number || this.signal.aborted) throw error;
        this.#say("The composer is not ready yet; trying again…");
        await api.pause(api.backOffS(attempt + 1, error));
      }
    }
  }

  #show(asked, steps) {
    const { attribute } = this.#groups[asked.group];
    const heading = attribute ? signed : level;
    const address = (place, form) => `/api/styles/walk/${place}/${form}?${query(asked)}`;
    this.clips.show(
      steps.map((step, place) => ({
        heading: heading(step.by),
        detail: attribute
          ? `${ATTRIBUTES[attribute]} ${figure(step.attributes[attribute])}, asked for ${figure(step.wanted)}`
          : "what it says has no name: listen",
        seconds: step.seconds,
        bars_s: step.bars_s,
        audio_url: address(place, "flac"),
        notes_url: address(place, "notes"),
      })),
    );
    const names = Object.keys(ATTRIBUTES);
    const moved = this.part("moved");
    moved.hidden = false;
    fillMatrix(
      moved.querySelector("table"),
      {
        across: "step",
        rows: steps.map((step) => heading(step.by)),
        columns: names.map((name) => ATTRIBUTES[name]),
        cells: steps.map(({ attributes }) =>
          names.map((name) => ({ ...PLAIN, value: attributes[name], own: name === attribute })),
        ),
      },
      "What moved: the attributes of each step, measured in its notes",
    );
    const guided = asked.guidance === 1 ? "" : `, guidance ${asked.guidance}`;
    this.part("walk-about").textContent = asked.source
      ? `From ${asked.source}, seed ${asked.seed}${guided}.`
      : `From the prior: ${asked.domain}, seed ${asked.seed}${guided}.`;
    this.part("walk-foot").hidden = false;
    this.#shown = asked;
  }

  async #csv() {
    try {
      const asked = this.#shown;
      saveAs(await api.audio(`/api/styles/walk.csv?${query(asked)}`), `walk-${asked.group}-${asked.seed}`, "csv");
    } catch (error) {
      this.#say(capital(error.message || "that did not work."));
    }
  }

  #address({ group, domain, seed, source, guidance }) {
    const here = new URL(window.location.href);
    const told = { style: group, domain, seed: String(seed), source, guidance: guidance === 1 ? "" : String(guidance) };
    for (const [name, value] of Object.entries(told)) {
      if (value) here.searchParams.set(name, value);
      else here.searchParams.delete(name);
    }
    window.history.replaceState(null, "", here);
  }

  #say(text) {
    this.part("said").textContent = text;
  }
}
