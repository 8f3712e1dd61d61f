// @ts-check
// The slider that sets how loud everything plays.

import { dress } from "./shared/dress.js";
import { chosen, setVolume } from "./shared/volume.js";

/** @param {import("./shared/types.d.ts").GradioComponent} component */
export async function start({ element }) {
  const slider = /** @type {HTMLInputElement} */ (element.querySelector("input"));
  const show = () => slider.setAttribute("aria-valuetext", `${slider.value} %`);
  slider.value = String(Math.round(100 * chosen()));
  show();
  slider.addEventListener("input", () => {
    setVolume(Number(slider.value) / 100);
    show();
  });
  await dress(element, import.meta.url, "volume.css");
}
