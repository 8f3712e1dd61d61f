// @ts-check
// A component brings its style sheets itself, so that it is dressed in anybody's `gr.Blocks` as well.

/**
 * Link style sheets unless the page has them, and then show what stands in `element`: nobody sees it undressed.
 * @param {HTMLElement} element
 * @param {string} from the module's `import.meta.url`
 * @param {...string} sheets paths relative to the module
 */
export async function dress(element, from, ...sheets) {
  const addresses = [new URL("base.css", import.meta.url).href, ...sheets.map((sheet) => new URL(sheet, from).href)];
  await Promise.all(addresses.map(linked));
  for (const root of element.querySelectorAll(".kallos")) /** @type {HTMLElement} */ (root).style.visibility = "";
}

/** @param {string} address */
function linked(address) {
  const there = [...document.querySelectorAll("link")].find((link) => link.href === address);
  const link = there ?? document.createElement("link");
  if (!there) {
    link.rel = "stylesheet";
    link.href = address;
    document.head.append(link);
  }
  if (link.sheet) return Promise.resolve();
  return new Promise((done) => {
    for (const name of ["load", "error"]) link.addEventListener(name, done, { once: true });
  });
}
