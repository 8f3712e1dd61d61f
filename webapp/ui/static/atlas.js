// The maps: which one, in which colours, what a point is, and the address that opens exactly this view again.

import * as api from "./api.js";
import { ClipList } from "./clip_list.js";
import { offerLink } from "./link_dialog.js";
import * as report from "./map_report.js";
import { LIKING_STEPS, MOST_LABELS, ofLabels, ofLiking } from "./palette.js";
import { saveAs } from "./save.js";
import { Scatter } from "./scatter.js";
import { Score } from "./score.js";
import { patiently } from "./sounds.js";
import { capital } from "./words.js";

const TASTE = "your taste";
const MOST_FOUND = 8;
const POLL_S = 1;
const ADDRESS = ["map", "kind", "colour", "x", "y", "zoom", "point"];
const sorry = (error) => (error.status === 0 ? "No connection to Kallos. Please try again." : error.message || "That did not work. Please try again.");
const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

function button(text, aside, act, signal) {
  const made = document.createElement("button");
  made.type = "button";
  made.append(text);
  if (aside) {
    const small = document.createElement("small");
    small.textContent = aside;
    made.append(small);
  }
  made.addEventListener("click", act, { signal });
  return made;
}

class AtlasPage {
  #kinds = []; // what the server tells of every kind of map
  #map = null; // the map that is shown, as the server tells it
  #points = null; // its points by columns
  #mine = null; // how this listener sees it
  #added = []; // music that is not on the map, each at its place
  #hidden = new Set(); // rows of clips that wait for a blind pair
  #plain = []; // texts to search in
  #chosen = -1;
  #colour = "";
  #alone = -1; // code of the one colour that is seen alone
  #watching = 0;

  constructor(root, signal) {
    this.root = root;
    this.signal = signal;
    this.part = (name) => root.querySelector(`[data-part=${name}]`);
    this.scatter = new Scatter(root.querySelector(".k-map"), signal, {
      onPick: (row) => this.choose(row),
      onHover: (row, at) => this.#tip(row, at),
      onView: () => this.#keepAddress(),
    });
    this.scatter.onTheme = () => this.#points && this.#paint();
    this.player = new ClipList(this.part("player"), signal);
    this.score = new Score(root, signal);
    this.#listen();
  }

  #listen() {
    const { signal } = this;
    const actions = {
      draw: () => this.#draw(),
      redraw: () => this.#draw(),
      nearer: () => this.scatter.zoom(1.5),
      farther: () => this.scatter.zoom(1 / 1.5),
      whole: () => this.scatter.whole(),
      share: () => offerLink(this.root.querySelector("[data-dialog=map-link]"), this.#address().href),
      csv: () => saveAs(report.csv(this.#map, this.#points), `map-${this.#map.kind}`, "csv"),
      svg: () => saveAs(this.scatter.svg(), `map-${this.#map.kind}`, "svg"),
      png: () => this.scatter.canvas.toBlob((bytes) => saveAs(bytes, `map-${this.#map.kind}`, "png")),
    };
    for (const [name, act] of Object.entries(actions)) {
      this.root.querySelector(`[data-do=${name}]`).addEventListener("click", act, { signal });
    }
    for (const radio of this.#radios()) {
      radio.addEventListener("change", () => this.#open({ kind: radio.value }), { signal });
    }
    this.root.querySelector("input[type=file]").addEventListener("change", (event) => this.#bring(event.target), { signal });
    this.part("colour").addEventListener("change", (event) => this.#colourBy(event.target.value), { signal });
    this.part("find").addEventListener("input", (event) => this.#find(event.target.value), { signal });
    this.part("find").addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.part("found").querySelector("button")?.click();
    }, { signal });
  }

  #radios() {
    return [...this.root.querySelectorAll("[name=k-map-kind]")];
  }

  /** Open what the address asks for, or the first map that there is. */
  async run() {
    const asked = Object.fromEntries(new URL(window.location.href).searchParams);
    for (let attempt = 0; !this.signal.aborted; attempt += 1) {
      try {
        await api.hello();
        await this.#open(asked);
        return;
      } catch (error) {
        if (error.passing === false) return this.#wait(capital(sorry(error)));
        this.#wait("Kallos does not answer. Trying again…");
        await api.pause(api.backOffS(attempt, error));
      }
    }
  }

  async #open(asked) {
    this.#watching += 1;
    this.#wait("Opening the map…");
    this.player.pause();
    try {
      this.#kinds = await api.atlas.maps();
      const linked = asked.map ? await api.atlas.map(asked.map) : null;
      const first = this.#kinds.find((each) => each.map) ?? this.#kinds[1];
      const kind = this.#kinds.find((each) => each.kind === (linked?.kind ?? asked.kind)) ?? first;
      for (const radio of this.#radios()) radio.checked = radio.value === kind.kind;
      this.part("explained").textContent = kind.explained;
      const map = linked ?? kind.map;
      if (map) await this.#show(map, asked);
      else this.#empty(kind);
    } catch (error) {
      if (error.passing !== false && !this.#map) throw error;
      this.#wait(capital(sorry(error)));
    }
  }

  /** What stands where a map should be: that there is none yet, how it comes, or how far it is. */
  #empty(kind) {
    this.#reveal("empty");
    this.#map = null;
    this.part("command").textContent = `kallos atlas draw ${kind.kind}`;
    this.#progress(kind.job);
    if (["waiting", "running"].includes(kind.job?.state)) this.#watch(kind.kind);
    this.#keepAddress();
  }

  #progress(job) {
    const going = ["waiting", "running"].includes(job?.state);
    this.part("progress").hidden = !going;
    this.root.querySelector("[data-do=draw]").hidden = going;
    if (job?.state === "running") this.part("progress").value = job.share;
    else this.part("progress").removeAttribute("value");
    let text = "This map has not been drawn yet. It takes about half a minute.";
    if (job?.state === "waiting") text = "Waiting: first come the pieces that somebody wants to hear.";
    if (job?.state === "running") text = `${job.stage || "Beginning"}…`;
    if (job?.state === "failed") text = `Drawing failed (${job.error}). Try again.`;
    this.part("empty-text").textContent = text;
    if (this.#map) this.#said(going ? text : "");
  }

  async #draw() {
    const kind = this.#map?.kind ?? this.#radios().find((radio) => radio.checked).value;
    try {
      this.#progress(await api.atlas.draw(kind));
      this.#watch(kind);
    } catch (error) {
      this.part(this.#map ? "said" : "empty-text").textContent = capital(sorry(error));
    }
  }

  /** Follow the job of a map until it is done; a later call takes over. */
  async #watch(kind) {
    this.#watching += 1;
    const number = this.#watching;
    for (let attempt = 0; !this.signal.aborted; ) {
      await api.pause(POLL_S);
      try {
        const found = (await api.atlas.maps()).find((each) => each.kind === kind);
        if (number !== this.#watching) return;
        this.#progress(found.job);
        if (found.job?.state === "failed") return;
        if (found.job?.state === "done") {
          await this.#open({ kind });
          return;
        }
      } catch (error) {
        await api.pause(api.backOffS((attempt += 1), error));
      }
    }
  }

  async #show(map, asked) {
    const [points, mine] = await Promise.all([
      api.atlas.points(map.map_id),
      map.kind === "clips" ? api.atlas.mine(map.map_id) : null,
    ]);
    this.#reveal("atlas");
    [this.#map, this.#points, this.#mine, this.#chosen] = [map, points, mine, -1];
    this.#added = [...(mine?.added ?? [])];
    this.#hidden = new Set(mine?.hidden ?? []);
    const count = points.x.length;
    this.#lay();
    const names = [...map.colours, ...(mine?.utility && mine.votes ? [TASTE] : [])];
    this.part("colour").replaceChildren(...names.map((name) => new Option(capital(name), name)));
    this.#colourBy(names.includes(asked.colour) ? asked.colour : names[0]);
    this.part("find").value = "";
    this.#find("");
    this.part("point").hidden = true;
    this.part("hint").hidden = false;
    this.#tell();
    const [x, y, zoom] = [asked.x, asked.y, asked.zoom].map(Number);
    if (asked.zoom && [x, y, zoom].every(Number.isFinite)) this.scatter.view = { x, y, zoom };
    else this.scatter.whole();
    const row = asked.point === undefined ? -1 : Number(asked.point);
    if (Number.isInteger(row) && row >= 0 && row < count) await this.choose(row, { play: false });
    performance.mark("kallos.map");
  }

  /** The points of the map, and in rings those that were added to it. */
  #lay() {
    const { x, y, text } = this.#points;
    const added = this.#added;
    this.#plain = [...text, ...added.map((each) => each.text)].map(plain);
    this.scatter.show([...x, ...added.map((each) => each.x)], [...y, ...added.map((each) => each.y)], {
      rings: added.map((_, index) => x.length + index),
      hidden: this.#hidden,
    });
  }

  /** A file of the listener's own takes its place on the map; nothing else moves. */
  async #bring(input) {
    const [file] = input.files;
    input.value = ""; // the same file may be chosen again
    const map = this.#map;
    if (!file || !map) return;
    this.player.player.unlock(); // within the tap
    this.#said(`Placing “${file.name}”…`);
    try {
      const piece = await api.studio.bring(file, map.kind === "clips" && !/\.abc$/i.test(file.name) ? "pop" : "dance");
      const spot = await api.atlas.place(map.map_id, piece.name);
      if (this.#map !== map) return;
      const { seconds, audio_url, score_url } = piece;
      const notes_url = `/api/studio/${piece.name}`;
      this.#added.push({ ...spot, text: piece.title || file.name, own: true, seconds, audio_url, score_url, notes_url });
      this.#lay();
      this.#paint();
      this.#said(`“${piece.title || file.name}” lies here; no other point has moved.`);
      await this.choose(this.#points.x.length + this.#added.length - 1);
    } catch (error) {
      this.#said(capital(sorry(error)));
    }
  }

  #tell() {
    this.part("trust").textContent = report.trust(this.#map);
    this.part("quality").replaceChildren(...report.qualityRows(this.#map));
    this.part("origin").textContent = report.origin(this.#map);
    this.part("parquet").href = api.resolve(`/api/atlas/maps/${this.#map.map_id}/parquet`);
  }

  #colourBy(name) {
    this.#colour = name;
    this.#alone = -1;
    this.part("colour").value = name;
    this.#paint();
    this.#light();
    this.#keepAddress();
  }

  get #codes() {
    const added = this.#added;
    if (this.#colour !== TASTE) return [...this.#points.colours[this.#colour].codes, ...added.map(() => -1)];
    const liked = [...this.#mine.utility, ...added.map(({ utility }) => utility)];
    const most = Math.max(...liked.map((each) => Math.abs(each ?? 0)), 1e-9);
    const step = (each) => Math.min(LIKING_STEPS - 1, Math.floor(((each / most + 1) / 2) * LIKING_STEPS));
    return liked.map((each) => (each === undefined ? -1 : step(each)));
  }

  #paint() {
    const taste = this.#colour === TASTE;
    const labels = taste ? null : this.#points.colours[this.#colour].labels;
    const shown = taste ? LIKING_STEPS : Math.min(labels.length, MOST_LABELS);
    const colours = taste ? ofLiking() : ofLabels(shown);
    const codes = this.#codes.map((code) => (code < shown ? code : -1));
    this.scatter.paint(codes, colours);
    const names = taste ? ["less than average", "", "", "average", "", "", "more"] : labels.slice(0, shown);
    const counts = new Map();
    for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
    const rest = taste || labels.length <= shown ? "unknown" : `unknown and ${labels.length - shown} rarer`;
    const entries = [...names.map((label, code) => [label, code]), ...(counts.has(-1) ? [[rest, -1]] : [])];
    this.part("legend").replaceChildren(
      ...entries.map(([label, code]) => {
        const made = button("", "", () => this.#only(code), this.signal);
        const dot = document.createElement("i");
        dot.style.background = colours.at(code);
        made.append(dot, label);
        const small = document.createElement("small");
        small.textContent = counts.get(code) ?? 0;
        made.append(small);
        made.dataset.code = code;
        made.setAttribute("aria-pressed", false);
        return made;
      }),
    );
  }

  /** See one colour alone, or all again. */
  #only(code) {
    const pressed = this.part("legend").querySelector(`[data-code="${code}"]`).getAttribute("aria-pressed") === "true";
    this.#alone = pressed ? -2 : code;
    for (const each of this.part("legend").children) {
      each.setAttribute("aria-pressed", !pressed && Number(each.dataset.code) === code);
    }
    this.#light(!pressed);
  }

  #light(alone = false) {
    const words = plain(this.part("find").value.trim());
    if (!words && !alone) return this.scatter.light(null);
    const last = this.#colour === TASTE ? LIKING_STEPS : MOST_LABELS;
    const rows = [];
    this.#codes.forEach((code, row) => {
      const fits = !alone || (code < last ? code : -1) === this.#alone;
      if (fits && (!words || this.#plain[row].includes(words))) rows.push(row);
    });
    this.scatter.light(rows);
    return rows;
  }

  #find(text) {
    const room = this.part("found");
    room.hidden = !text.trim();
    const rows = this.#light() ?? [];
    if (room.hidden) return;
    const seen = rows.filter((row) => !this.#hidden.has(row));
    const told = document.createElement("p");
    told.textContent = seen.length ? `${seen.length} found` : "No title here has these words.";
    room.replaceChildren(
      told,
      ...seen.slice(0, MOST_FOUND).map((row) =>
        button(this.#text(row), this.#points.colours.side ? this.#label("side", row) : "", () => this.choose(row), this.signal),
      ),
    );
  }

  #text(row) {
    return this.#points.text[row] ?? this.#added[row - this.#points.text.length].text;
  }

  #label(name, row) {
    const { labels, codes } = this.#points.colours[name];
    return codes[row] >= 0 ? labels[codes[row]] : "";
  }

  #tip(row, [x, y]) {
    const tip = this.part("tip");
    tip.hidden = row < 0;
    if (row < 0) return;
    tip.textContent = this.#text(row);
    tip.style.left = `${Math.min(this.scatter.root.clientWidth - 110, Math.max(110, x))}px`;
    tip.style.top = `${Math.max(46, y)}px`;
  }

  /** Choose a point: it plays, and all about it is told. */
  async choose(row, { play = true } = {}) {
    if (this.#hidden.has(row)) return;
    this.player.player.unlock(); // within the click, before anything is waited for
    this.#chosen = row;
    this.scatter.reveal(row);
    this.scatter.select(row, this.#points.links?.[row] ?? []);
    this.#keepAddress();
    try {
      const added = row >= this.#points.x.length;
      const point = added ? this.#asPoint(row) : await patiently(() => api.atlas.point(this.#map.map_id, row));
      if (this.#chosen !== row) return;
      this.#describe(point);
      if (play) await this.player.play();
    } catch (error) {
      this.#said(capital(sorry(error)));
    }
  }

  /** Music that is not on the map has its place there; only of what was brought are the neighbours known. */
  #asPoint(row) {
    return { neighbours: [], links: [], colours: {}, terms: "", ...this.#added[row - this.#points.x.length], row };
  }

  #describe(point) {
    this.part("hint").hidden = true;
    this.part("point").hidden = false;
    const { text, colours, terms, neighbours, links } = point;
    const side = colours.side;
    this.player.show([{ ...point, heading: text, detail: side ? capital(side) : "" }]);
    const labels = Object.entries(colours).filter(([name, label]) => label && name !== "side").map(([, label]) => label);
    const liked = this.#mine?.utility?.[point.row];
    const taste = this.#mine?.votes && liked !== undefined ? ` · for you ${liked >= 0 ? "+" : "−"}${Math.abs(liked).toFixed(2)} ± ${this.#mine.sd[point.row].toFixed(2)}` : "";
    this.part("labels").textContent = `${labels.join(" · ")}${taste}${terms ? ` · ${terms}` : ""}`;
    this.part("heard").textContent = [text, side, ...labels].filter(Boolean).join(", ");
    const near = neighbours.filter((each) => !this.#hidden.has(each.row));
    this.#list("near", near.map(({ row, text: name, distance }) => [name, distance.toFixed(2), row]));
    this.part("near-room").hidden = !near.length;
    this.part("links-room").hidden = !links.length;
    this.part("links-title").textContent = side === "title" ? "Its tunes" : "Its titles";
    this.#list("links", links.map(({ row, text: name }) => [name, "", row]));
    const scored = this.root.querySelector("[data-do=score]");
    scored.hidden = !point.score_url;
    if (point.score_url) {
      this.score.show({ name: `${this.#map.map_id}/${point.row}`, score_url: point.score_url }, `Score of “${text}”`);
    }
  }

  #list(part, entries) {
    this.part(part).replaceChildren(
      ...entries.map(([text, aside, row]) => {
        const item = document.createElement("li");
        item.append(button(text, aside, () => this.choose(row), this.signal));
        return item;
      }),
    );
  }

  #address() {
    const address = new URL(window.location.href);
    for (const name of ADDRESS) address.searchParams.delete(name);
    if (!this.#map) return address;
    const { x, y, zoom } = this.scatter.view;
    const view = { map: this.#map.map_id, colour: this.#colour, x: x.toFixed(4), y: y.toFixed(4), zoom: zoom.toFixed(3) };
    for (const [name, value] of Object.entries(view)) address.searchParams.set(name, value);
    if (this.#chosen >= 0 && this.#chosen < this.#points.x.length) address.searchParams.set("point", this.#chosen);
    return address;
  }

  /** Browsers allow about a hundred changes of the address in half a minute: it follows when the view rests. */
  #keepAddress() {
    window.clearTimeout(this.addressing);
    this.addressing = window.setTimeout(() => {
      if (!this.signal.aborted) window.history.replaceState(null, "", this.#address());
    }, 350);
  }

  #reveal(name) {
    for (const part of ["wait", "empty", "atlas"]) this.part(part).hidden = part !== name;
  }

  #wait(text) {
    this.#reveal("wait");
    this.part("wait-text").textContent = text;
  }

  #said(text) {
    this.part("said").textContent = text;
  }
}

/** Run the page inside `root` until `signal` aborts. */
export function startAtlas(root, signal) {
  const page = new AtlasPage(root, signal);
  page.run();
  return page;
}
