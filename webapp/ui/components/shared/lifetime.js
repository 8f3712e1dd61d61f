// @ts-check
// How long a component lives: Gradio takes its element out of the page without telling its script.

/**
 * Listen to an event of `target` (the document, the window, a media query) for as long as `element` is on the page.
 * @param {Element} element
 * @param {EventTarget} target
 * @param {string} name
 * @param {(event: any) => void} act
 */
export function whileOn(element, target, name, act) {
  const listener = (/** @type {Event} */ event) => {
    if (element.isConnected) act(event);
    else target.removeEventListener(name, listener);
  };
  target.addEventListener(name, listener);
}
