// @ts-check
// Two clips to pick one of.

import { dress } from "./shared/dress.js";
import { PAIR } from "./shared/games.js";
import { startPicking } from "./shared/picking.js";

/** @param {import("./shared/types.js").GradioComponent} component */
export function start(component) {
  dress(component.element, import.meta.url, "shared/clip.css", "pair_player.css");
  return startPicking(PAIR, component);
}
