// Gradio says "dark" by a class on the body, the system by a media query: canvases must be told of either.

/** Call `repaint` whenever light turns to dark or back, until `signal` aborts. */
export function onThemeChange(repaint, signal) {
  const observer = new MutationObserver(() => window.requestAnimationFrame(repaint));
  observer.observe(document.body, { attributes: true, attributeFilter: ["class"] });
  signal.addEventListener("abort", () => observer.disconnect());
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint, { signal });
}
