// Brings a page to life once Gradio has rendered it, which happens late and may happen again.

import { startCompare } from "./compare.js";
import { startMenu } from "./menu.js";
import { startStudio } from "./studio.js";
import { startStyles } from "./styles.js";
import { startTaste } from "./taste.js";

const STARTERS = { compare: startCompare, taste: startTaste, studio: startStudio, styles: startStyles };
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
