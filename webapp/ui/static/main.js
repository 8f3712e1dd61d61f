// Brings a page to life once Gradio has rendered it, which happens late and may happen again.

import { startMenu } from "./menu.js";
import { startStudio } from "./studio.js";

const STARTERS = {
  studio: startStudio,
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
