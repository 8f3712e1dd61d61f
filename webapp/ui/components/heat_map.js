// @ts-check
// Tells which cell of a table was clicked; the table itself is drawn by the component's template.

import { dress } from "./shared/dress.js";

/** @param {import("./shared/types.d.ts").GradioComponent} component */
export async function start({ element, trigger }) {
  element.addEventListener("click", (event) => {
    const cell = event.target instanceof Element && event.target.closest("td");
    if (cell instanceof HTMLElement) trigger("select", { row: Number(cell.dataset.row), column: Number(cell.dataset.column) });
  });
  await dress(element, import.meta.url, "heat_map.css");
}
