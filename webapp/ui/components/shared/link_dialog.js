// @ts-check
// The dialog that shows a link to copy.

/**
 * Show `url` in `dialog`, which has the parts `url` and `copy`.
 * @param {HTMLDialogElement} dialog
 * @param {string} url
 */
export function offerLink(dialog, url) {
  const field = /** @type {HTMLInputElement} */ (dialog.querySelector("[data-part=url]"));
  const copy = /** @type {HTMLButtonElement} */ (dialog.querySelector("[data-part=copy]"));
  field.value = url;
  copy.textContent = "Copy link";
  copy.onclick = async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(url);
      copy.textContent = "Copied";
    } catch {
      copy.textContent = "Press Ctrl+C to copy"; // a frame may be denied the clipboard; the text is selected
    }
  };
  dialog.showModal();
}
