// @ts-check
// A short film of drawings, drawn for any moment of it: silent, and in time with whatever sounds.

/**
 * @typedef {object} Film as `Shown.to_json` in Python has it
 * @property {number} a_second pictures
 * @property {number} grid how wide and high a picture is
 * @property {string[]} elements SVG of each scene
 * @property {{paper: string, drawn: [number, number, number, number, number][]}[]} pictures drawn: scene, opacity, size, left, top
 */

export class ShortFilm {
  #at = -1;

  /**
   * @param {SVGSVGElement} room
   * @param {Film} film
   */
  constructor(room, film) {
    this.film = film;
    room.setAttribute("viewBox", `0 0 ${film.grid} ${film.grid}`);
    const made = (/** @type {string} */ name) => /** @type {SVGElement} */ (document.createElementNS(room.namespaceURI, name));
    this.paper = made("rect");
    for (const side of ["width", "height"]) this.paper.setAttribute(side, String(film.grid));
    this.scenes = film.elements.map((elements) => {
      const scene = made("g");
      scene.innerHTML = elements;
      return scene;
    });
    room.replaceChildren(this.paper, ...this.scenes);
  }

  /** @param {number} seconds from its beginning; after its end the last picture stays */
  show(seconds) {
    const at = Math.min(this.film.pictures.length - 1, Math.floor(seconds * this.film.a_second));
    if (at === this.#at) return;
    this.#at = at;
    const { paper, drawn } = this.film.pictures[at];
    this.paper.setAttribute("fill", paper);
    for (const scene of this.scenes) scene.setAttribute("display", "none");
    for (const [number, opacity, size, left, top] of drawn) {
      const scene = this.scenes[number];
      scene.removeAttribute("display");
      scene.setAttribute("opacity", String(opacity));
      scene.setAttribute("transform", `matrix(${size} 0 0 ${size} ${left} ${top})`);
    }
  }
}
