// Brings a page to life once Gradio has rendered it, which happens late and may happen again.

import { startAtlas } from "./atlas.js";
import { startMenu } from "./menu.js";
import { startRetrieval } from "./retrieval.js";
import { startRuns } from "./runs.js";
import { startStudio } from "./studio.js";
import { startStyles } from "./styles.js";
import { startTastes } from "./tastes.js";
import { startTitles } from "./titles.js";

const STARTERS = {
  studio: startStudio,
  atlas: startAtlas,
  titles: startTitles,
  styles: startStyles,
  tastes: startTastes,
  retrieval: startRetrieval,
  runs: startRuns,
};
let alive = null; // {root, abort}

function look() {
  const root = document.querySelector(".kallos[data-page]");
  if (!root || root === alive?.root) return;
  alive?.abort.abort();
  alive = { root, abort: new AbortController() };
  startMenu(root, alive.abort.signal);
  STARTERS[root.dataset.page](root, alive.abort.signal);
}

new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });
look();
