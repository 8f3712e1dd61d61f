// @ts-check
// Keeps what was chosen in the address of the page, and offers that address as a link.

import { dress } from "./shared/dress.js";
import { offerLink } from "./shared/link_dialog.js";

/** @param {Record<string, string | string[]>} choices */
function write(choices) {
  const here = new URL(window.location.href);
  for (const [name, value] of Object.entries(choices)) {
    here.searchParams.delete(name);
    for (const each of [value].flat()) if (each) here.searchParams.append(name, each);
  }
  if (here.href !== window.location.href) window.history.replaceState(window.history.state, "", here);
}

/** @param {import("./shared/types.d.ts").GradioComponent} component */
export async function start({ element, props, watch }) {
  const dialog = /** @type {HTMLDialogElement} */ (element.querySelector("dialog"));
  element.querySelector("[data-do=view-link]")?.addEventListener("click", () => offerLink(dialog, window.location.href));
  dialog.querySelector("[data-part=close]")?.addEventListener("click", () => dialog.close());
  watch("value", () => write(props.value ?? {}));
  write(props.value ?? {});
  await dress(element, import.meta.url);
}
