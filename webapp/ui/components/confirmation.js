// @ts-check
// A question before something is done for good.

import { dress } from "./shared/dress.js";

/** @param {import("./shared/types.d.ts").GradioComponent<any>} component */
export async function start({ element, props, watch, trigger }) {
  const dialog = /** @type {HTMLDialogElement} */ (element.querySelector("dialog"));
  const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (dialog.querySelector(`[data-part=${name}]`));
  part("keep").addEventListener("click", () => dialog.close());
  part("confirm").addEventListener("click", () => {
    dialog.close();
    trigger("confirm", { data: props.value.data });
  });
  watch("value", () => {
    if (!props.value) return dialog.close();
    /** @type {HTMLElement} */ (dialog.querySelector("h2")).textContent = props.value.title;
    for (const name of ["text", "keep", "confirm"]) part(name).textContent = props.value[name];
    dialog.showModal();
  });
  await dress(element, import.meta.url);
}
