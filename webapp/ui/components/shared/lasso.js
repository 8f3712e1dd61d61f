// @ts-check
// A line drawn around points by mouse, pen or finger; it lies over the picture while it is being drawn.

const LEAST_PX = 12; // a line that encloses less was a slip of the hand

/**
 * Whether a place lies within a polygon (the even-odd rule).
 * @param {[number, number][]} polygon
 * @param {number} x
 * @param {number} y
 */
export function within(polygon, x, y) {
  let inside = false;
  for (let here = 0, before = polygon.length - 1; here < polygon.length; before = here, here += 1) {
    const [ax, ay] = polygon[here];
    const [bx, by] = polygon[before];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

export class Lasso {
  /** @type {[number, number][]} */
  #line = [];

  /**
   * @param {SVGSVGElement} sheet lies over the picture, and takes the pointer while `on`
   * @param {(polygon: [number, number][]) => void} onDrawn with places in pixels of the sheet
   */
  constructor(sheet, onDrawn) {
    this.sheet = sheet;
    this.path = /** @type {SVGPathElement} */ (sheet.querySelector("path"));
    this.onDrawn = onDrawn;
    sheet.addEventListener("pointerdown", (event) => this.#begin(event));
    sheet.addEventListener("pointermove", (event) => this.#go(event));
    sheet.addEventListener("pointerup", () => this.#end());
    sheet.addEventListener("pointercancel", () => this.#show([]));
  }

  get on() {
    return this.sheet.classList.contains("k-on");
  }

  set on(on) {
    this.sheet.classList.toggle("k-on", on);
    this.#show([]);
  }

  /** @param {PointerEvent} event */
  #place({ clientX, clientY }) {
    const box = this.sheet.getBoundingClientRect();
    return /** @type {[number, number]} */ ([clientX - box.left, clientY - box.top]);
  }

  /** @param {PointerEvent} event */
  #begin(event) {
    if (event.button > 0 || !event.isPrimary) return;
    event.preventDefault();
    this.sheet.setPointerCapture(event.pointerId);
    this.#show([this.#place(event)]);
  }

  /** @param {PointerEvent} event */
  #go(event) {
    if (this.#line.length && event.isPrimary) this.#show([...this.#line, this.#place(event)]);
  }

  #end() {
    const line = this.#line;
    this.#show([]);
    const spans = [0, 1].map((axis) => {
      const along = line.map((place) => place[axis]);
      return Math.max(...along) - Math.min(...along);
    });
    if (line.length > 2 && Math.max(...spans) >= LEAST_PX) this.onDrawn(line);
  }

  /** @param {[number, number][]} line */
  #show(line) {
    this.#line = line;
    this.path.setAttribute("d", line.length ? `M${line.map((place) => place.join(" ")).join("L")}Z` : "");
  }
}
