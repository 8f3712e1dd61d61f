// @ts-check
// A folder's files of some kinds, handed to the file input of Gradio that stands beside.

import { dress } from "./shared/dress.js";

/** @param {import("./shared/types.d.ts").GradioComponent} component */
export async function start({ element, props }) {
  const folder = /** @type {HTMLInputElement} */ (element.querySelector("input"));
  const button = /** @type {HTMLButtonElement} */ (element.querySelector("button"));
  const said = /** @type {HTMLElement} */ (element.querySelector("[role=status]"));
  button.hidden = !("webkitdirectory" in folder); // most phones have no folders to choose
  button.addEventListener("click", () => folder.click());
  const take = () => {
    const found = [...(folder.files ?? [])];
    folder.value = ""; // the same folder may be chosen again
    if (found.length) said.textContent = hand(found);
  };
  folder.addEventListener("change", take);

  /** @param {File[]} found */
  const hand = (found) => {
    const { files, kinds, most, called } = props;
    const some = (/** @type {number} */ count) => `${count} ${called[count === 1 ? 0 : 1]}`;
    const path = (/** @type {File} */ file) => file.webkitRelativePath;
    const name = path(found[0]).split("/")[0];
    const ours = found
      .filter((file) => kinds.some((/** @type {string} */ kind) => file.name.toLowerCase().endsWith(kind)))
      .toSorted((one, other) => path(one).localeCompare(path(other), "en", { numeric: true }));
    if (!ours.length) return `In ${name} and its folders no file ends in ${kinds.join(", ")}.`;
    const target = /** @type {HTMLInputElement | null} */ (document.querySelector(`#${files} input[type=file]`));
    if (!target) return "Other files are on their way; choose the folder again in a moment.";
    const handed = new DataTransfer();
    for (const file of ours.slice(0, most)) handed.items.add(file);
    target.files = handed.files;
    target.dispatchEvent(new Event("change", { bubbles: true }));
    return ours.length > most ? `${name} has ${some(ours.length)}; the first ${most} by name are taken.` : `${name} has ${some(ours.length)}.`;
  };
  take(); // what was chosen before this module had come
  await dress(element, import.meta.url);
}
