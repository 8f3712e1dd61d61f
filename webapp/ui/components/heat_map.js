// @ts-check
// Tells which cell of a table was pressed, and reads out what is known of the one that is pointed at or in focus; the
// table itself is drawn by the component's template.

import { dress } from "./shared/dress.js";

/** @type {Record<string, [number, number]>} */
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** @param {Event} event */
function cellOf({ target }) {
  const cell = target instanceof Element && target.closest("td[data-row]");
  return cell instanceof HTMLElement ? cell : null;
}

/** @param {import("./shared/types.d.ts").GradioComponent} component */
export async function start({ element, trigger }) {
  const at = (/** @type {number} */ row, /** @type {number} */ column) =>
    /** @type {HTMLElement | null} */ (element.querySelector(`td[data-row="${row}"][data-column="${column}"]`));
  const read = (/** @type {Event} */ event) => {
    const readout = element.querySelector("[data-part=readout]");
    const hint = cellOf(event)?.dataset.hint;
    if (readout && hint) readout.textContent = hint.replaceAll(" %", "\u00a0%"); // no line breaks before it
  };
  for (const name of ["pointerover", "focusin", "click"]) element.addEventListener(name, read);
  element.addEventListener("click", (event) => {
    const cell = cellOf(event);
    if (cell) trigger("select", { row: Number(cell.dataset.row), column: Number(cell.dataset.column) });
  });
  element.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step || !element.querySelector("[data-part=readout]")) return;
    const cell = cellOf(event);
    const next = cell ? at(Number(cell.dataset.row) + step[0], Number(cell.dataset.column) + step[1]) : at(0, 0);
    if (!next) return;
    event.preventDefault();
    next.tabIndex = -1;
    (next.querySelector("button") ?? next).focus();
  });
  await dress(element, import.meta.url, "heat_map.css");
}
