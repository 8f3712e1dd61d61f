// @ts-check
// Goes to the part of the page that its address names.

import { dress } from "./shared/dress.js";
import { whileOn } from "./shared/lifetime.js";

function goThere() {
  const name = window.location.hash.slice(1);
  const part = name && document.getElementById(name);
  if (!part) return;
  part.scrollIntoView();
  const heading = part.querySelector("h2");
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

/** @param {import("./shared/types.d.ts").GradioComponent} component */
export async function start({ element, watch }) {
  watch("value", () => window.requestAnimationFrame(goThere));
  whileOn(element, window, "hashchange", goThere);
  for (const link of element.querySelectorAll("a")) {
    // Gradio's document has another base
    link.addEventListener("click", (event) => {
      event.preventDefault();
      window.location.hash = link.hash;
    });
  }
  await dress(element, import.meta.url, "contents.css");
  goThere();
}
