// The dialog that shows a link to copy.

/** Show `url` in `dialog`, which has the parts `url` and `copy`. */
export function offerLink(dialog, url) {
  const part = (name) => dialog.querySelector(`[data-part=${name}]`);
  part("url").value = url;
  part("copy").textContent = "Copy link";
  part("copy").onclick = async () => {
    part("url").select();
    try {
      await navigator.clipboard.writeText(url);
      part("copy").textContent = "Copied";
    } catch {
      part("copy").textContent = "Press Ctrl+C to copy"; // a frame may be denied the clipboard; the text is selected
    }
  };
  dialog.showModal();
}
