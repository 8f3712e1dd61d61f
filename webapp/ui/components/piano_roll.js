// @ts-check
// One clip on a card.

import { dress } from "./shared/dress.js";
import { Stage } from "./shared/stage.js";
import { loadClip } from "./shared/table.js";

/** @param {import("./shared/types.js").GradioComponent} component */
export function start({ element, props, watch, trigger }) {
  dress(element, import.meta.url, "shared/clip.css");
  const stage = new Stage(/** @type {HTMLElement} */ (element.querySelector(".kallos")));
  const [side] = stage.sides;
  let sounding = false;
  stage.player.addEventListener("change", () => {
    const before = sounding;
    sounding = stage.player.playing !== null;
    if (sounding && !before) trigger("select", { seconds: stage.player.position(side) });
  });
  async function show() {
    const { value } = props;
    stage.clear();
    if (!value) return;
    const clip = await loadClip(value.clips[side]);
    if (props.value !== value) return; // another one was set meanwhile
    stage.started = false; // it sounds when it is told to
    stage.show({ offerId: value.offer_id, clips: { [side]: clip } });
  }
  watch("value", show);
  return show();
}
