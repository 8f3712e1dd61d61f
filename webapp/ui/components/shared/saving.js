// @ts-check
// The menu of a clip in a list: keep it, open it in Studio, play it on to a whole piece, save it as a file.

import * as api from "./api.js";
import { saveAs } from "./save.js";

/**
 * `files`: addresses by what they are called; `keep`: where it is kept; `studio`: the page that opens it, if not the
 * kept one; `whole`: the page that plays it on; `canvas`: the page that shows it; `rate`: the page that rates it.
 * @typedef {Partial<Record<"keep" | "studio" | "whole" | "canvas" | "rate", string>>} Places
 * @typedef {Places & {files: Record<string, string>}} Save
 */

const MIDI = { MIDI: "mid", "MIDI as played": "mid", "MIDI as written": "mid" };
const FORMS = /** @type {Record<string, string>} */ ({ ...MIDI, MusicXML: "musicxml", MP3: "mp3", WAV: "wav", FLAC: "flac", ABC: "abc", PNG: "png" });

/**
 * @param {string} heading what the clip is called
 * @param {Save} save
 * @param {(() => Promise<void>) | null} stays keeps it in the list that it stands in
 */
export function savingMenu(heading, save, stays = null) {
  const menu = document.createElement("details");
  menu.className = "k-saving";
  menu.innerHTML = '<summary class="k-quiet k-small">Keep</summary><div class="k-saving-list"></div>';
  const summary = /** @type {HTMLElement} */ (menu.querySelector("summary"));
  summary.setAttribute("aria-label", `Keep ${heading}`);
  const list = /** @type {HTMLElement} */ (menu.querySelector("div"));
  const said = document.createElement("p");
  said.setAttribute("role", "status");

  const entry = (/** @type {string} */ text, /** @type {() => Promise<string>} */ act) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.addEventListener("click", async () => {
      button.disabled = true;
      said.textContent = "One moment…";
      said.textContent = await act().catch((error) => error.message || "That did not work. Please try again.");
      button.disabled = false;
    });
    list.append(button);
  };
  const { keep, studio, whole, canvas, rate } = save;
  if (stays) {
    entry("Keep in this list", async () => {
      await stays();
      return "Kept.";
    });
  }
  const kept = async () => (keep ? (await api.keep(keep)).name.replace("pieces/", "") : "");
  if (keep) {
    entry("Keep in my Studio", async () => {
      await kept();
      return "Kept. It stands first in your Studio.";
    });
  }
  if (keep || studio) {
    entry("Open in Studio", async () => {
      window.location.assign(studio ?? `studio?piece=${await kept()}`);
      return "Opening…";
    });
  }
  const leads = /** @type {[string, string | undefined][]} */ ([
    ["Play on to a whole piece", whole],
    ["See pictures move with it", canvas],
    ["Rate how well it will be liked", rate],
  ]);
  for (const [text, page] of leads) {
    if (!page) continue;
    entry(text, async () => {
      window.location.assign(page);
      return "Opening…";
    });
  }
  for (const [name, address] of Object.entries(save.files)) {
    entry(`Download ${name}`, async () => {
      const way = / as \w+$/.exec(name)?.[0] ?? ""; // both ways of MIDI may lie in one folder
      saveAs(await api.audio(address), heading + way, FORMS[name] ?? "txt");
      return "Downloaded.";
    });
  }
  list.append(said);
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    summary.focus();
  });
  menu.addEventListener("focusout", (event) => {
    if (event.relatedTarget instanceof Node && !menu.contains(event.relatedTarget)) menu.open = false;
  });
  return menu;
}
