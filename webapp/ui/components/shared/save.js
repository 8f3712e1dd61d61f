// @ts-check
// Bytes saved as a file on the listener's own disk.

/**
 * Offer `bytes` as a file called after `title`.
 * @param {BlobPart} bytes
 * @param {string} title
 * @param {string} form
 */
export function saveAs(bytes, title, form) {
  const address = URL.createObjectURL(new Blob([bytes]));
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = `kallos-${title.replace(/[^\p{L}\p{N}]+/gu, "-")}.${form}`;
  anchor.click();
  window.setTimeout(() => URL.revokeObjectURL(address), 60000);
}
