// One finger or the mouse drags, two fingers pinch, and what hardly moved was a click.

const CLICK_PX = 6; // a pointer that moved less than this has clicked

export class Gestures {
  #pointers = new Map();
  #now = null; // {middle, spread, moved, kind}

  /** `onDrag(dx, dy)`, `onPinch(factor, place)`, `onClick(place, pointerType)`, `onHover(place or null)`; places in px. */
  constructor(root, surface, signal, told) {
    this.root = root;
    this.surface = surface;
    this.told = told;
    const on = (name, act) => root.addEventListener(name, act, { signal });
    on("pointerdown", (event) => this.#down(event));
    on("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) on(name, (event) => this.#up(event));
    on("pointerleave", () => told.onHover(null));
  }

  /** Where an event is, in pixels from the corner of `root`. */
  place(event) {
    const box = this.root.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #down(event) {
    if (event.target !== this.surface || event.button > 0) return;
    this.root.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, this.place(event));
    this.#begin(event, this.#pointers.size === 1 ? 0 : Infinity);
  }

  #begin(event, moved) {
    const points = [...this.#pointers.values()];
    const middle = points.reduce(([x, y], [px, py]) => [x + px / points.length, y + py / points.length], [0, 0]);
    const spread = points.length > 1 ? Math.hypot(points[0][0] - points[1][0], points[0][1] - points[1][1]) : 0;
    this.#now = { middle, spread, moved, kind: event.pointerType };
  }

  #move(event) {
    if (!this.#pointers.has(event.pointerId)) {
      if (event.pointerType !== "touch" && event.target === this.surface) this.told.onHover(this.place(event));
      return;
    }
    this.#pointers.set(event.pointerId, this.place(event));
    const { middle, spread, moved } = this.#now;
    this.#begin(event, moved);
    const [dx, dy] = [this.#now.middle[0] - middle[0], this.#now.middle[1] - middle[1]];
    this.#now.moved += Math.hypot(dx, dy);
    if (this.#now.moved < CLICK_PX) return;
    this.told.onDrag(dx, dy);
    if (spread && this.#now.spread) this.told.onPinch(this.#now.spread / spread, this.#now.middle);
  }

  #up(event) {
    if (!this.#pointers.delete(event.pointerId)) return;
    const { moved, kind } = this.#now;
    if (this.#pointers.size) this.#begin(event, Infinity);
    else if (moved < CLICK_PX && event.type === "pointerup") this.told.onClick(this.place(event), kind);
  }
}
