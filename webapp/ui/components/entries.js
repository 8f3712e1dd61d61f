// @ts-check
// Tells which entry of a list was pressed; the list itself is drawn by the component's template.

import { dress } from "./shared/dress.js";

/** @param {import("./shared/types.d.ts").GradioComponent} component */
export async function start({ element, trigger }) {
  element.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("button");
    if (button instanceof HTMLElement) trigger("select", { key: Number(button.dataset.key) });
  });
  await dress(element, import.meta.url, "entries.css");
}
