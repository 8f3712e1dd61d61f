// @ts-check
// A column over the page as a modal dialogue. Gradio puts it on the page when it opens and takes it away when it closes.

import { dress } from "./shared/dress.js";
import { lastOutside } from "./shared/focus.js";
import { whileOn } from "./shared/lifetime.js";

const NAME = "k-sheet-title";

/** Everything on the page that is not in the sheet. @param {HTMLElement} sheet */
function* beside(sheet) {
  for (let inner = sheet; inner !== document.body && inner.parentElement; inner = inner.parentElement) {
    for (const each of inner.parentElement.children) if (each !== inner && each instanceof HTMLElement) yield each;
  }
}

/** @param {import("./shared/types.d.ts").GradioComponent<string>} component */
export async function start({ element, props, watch, trigger }) {
  const sheet = /** @type {HTMLElement} */ (element.closest(".k-sheet") ?? element);
  const heading = /** @type {HTMLElement} */ (element.querySelector("h2"));
  const button = /** @type {HTMLElement} */ (element.querySelector("button"));
  const show = () => (heading.textContent = props.value);
  watch("value", show);
  show();
  heading.id = NAME;
  for (const [name, value] of [["role", "dialog"], ["aria-modal", "true"], ["aria-labelledby", NAME]]) sheet.setAttribute(name, value);

  const inside = () => sheet.contains(document.activeElement); // somebody may type before this runs
  const before = inside() ? lastOutside() : /** @type {HTMLElement | null} */ (document.activeElement);
  const others = [...beside(sheet)].filter((each) => !each.inert);
  for (const each of others) each.inert = true;
  const gone = new MutationObserver(() => {
    if (sheet.isConnected) return;
    gone.disconnect();
    for (const each of others) each.inert = false;
    before?.focus();
  });
  gone.observe(document.body, { childList: true, subtree: true });

  button.addEventListener("click", () => trigger("close"));
  whileOn(element, document, "keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault();
    trigger("close");
  });
  await dress(element, import.meta.url, "sheet.css");
  if (!inside()) button.focus();
}
