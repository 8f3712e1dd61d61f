// @ts-check
// Which picture fits the piece, or which piece fits the picture?

import { dress } from "./shared/dress.js";
import { FIT } from "./shared/games.js";
import { startPicking } from "./shared/picking.js";

/** @param {import("./shared/types.js").GradioComponent} component */
export function start(component) {
  dress(component.element, import.meta.url, "shared/clip.css", "pair_player.css", "fit_player.css");
  return startPicking(FIT, component);
}
