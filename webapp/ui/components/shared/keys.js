// @ts-check
// Whose a key is: of the page's players, of a field that is typed in, or of the button that somebody stands on.

const TYPED_IN = "input:not([type=radio]), textarea, select, [contenteditable=true], dialog[open], .k-menu[open]";
const PRESSED = "button, a, summary, input";

/** @type {Element | null} */
let clicked = null; // has the focus only because a pointer pressed it

document.addEventListener(
  "pointerdown",
  ({ target }) => (clicked = target instanceof Element ? target.closest(PRESSED) : null),
  true,
);
document.addEventListener("focusin", ({ target }) => target !== clicked && (clicked = null), true);

/** Whether a key pressed here is the players', and not for a field or with another key held. @param {KeyboardEvent} event */
export function isOurs(event) {
  const { target, repeat, ctrlKey, metaKey, altKey, defaultPrevented } = event;
  if (repeat || ctrlKey || metaKey || altKey || defaultPrevented) return false;
  return !(target instanceof Element && target.closest(TYPED_IN));
}

/** Whether the space bar is for the button under the focus: somebody who walks with the keyboard stands on it. @param {EventTarget | null} target */
export function standsOnButton(target) {
  const button = target instanceof Element ? target.closest(PRESSED) : null;
  if (!button || button !== clicked) return button !== null;
  if (button instanceof HTMLElement) button.blur(); // it was clicked, and the key is not for it
  return false;
}
