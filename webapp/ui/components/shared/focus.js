// @ts-check
// Where the focus was last, sheets apart: what opens one is found again when it closes.

/** @type {HTMLElement | null} */
let last = null;

document.addEventListener("focusin", ({ target }) => {
  if (target instanceof HTMLElement && !target.closest(".k-sheet")) last = target;
});

/** The element outside of sheets that had the focus last. */
export const lastOutside = () => last;
