// @ts-check
// The names of the regions of a map, written beside the points that they name; those out of the picture stand at its rim
// and lead there.

/** @typedef {{name: string, x: number, y: number, box: import("./main_part.js").Box}} Region */

const ARROWS = ["→", "↗", "↑", "↖", "←", "↙", "↓", "↘"];
const RIM_PX = 8;
const APART_PX = 4;
const RIM_UNTIL = 3; // nearer than this the rim would be full of names
const TRIES = 8;
const WAYS = [0, 1, 2, 3, 4, 5, 6, 7].map((each) => [Math.cos((each * Math.PI) / 4), Math.sin((each * Math.PI) / 4)]);
const CELL_PX = 6;
const WORTH_PX = 30; // how much farther from its region a name may stand to cover one cell of points less
const FARTHEST_PX = 80;
const STEP_PX = 8;
const FULL = 0.4; // a name that would cover points with more of itself is left out until one is nearer

export class RegionLabels {
  /** @type {{region: Region, node: HTMLButtonElement, sizes: Record<string, [number, number]>, beside: [number, number] | null}[]} */
  #labels = [];
  #beside = ""; // what the places beside the regions were found for: moving the map changes none

  /**
   * @param {HTMLElement} room
   * @param {any} scatter the picture that they lie over
   */
  constructor(room, scatter) {
    this.room = room;
    this.scatter = scatter;
  }

  /** @param {Region[]} regions the largest first */
  show(regions) {
    this.#labels = regions.map((region) => {
      const node = document.createElement("button");
      node.type = "button";
      node.className = "k-region";
      node.setAttribute("aria-label", `Go to ${region.name}, ${region.box.size} points`);
      node.addEventListener("click", () => { this.scatter.view = this.scatter.camera.around(region.box); });
      return { region, node, sizes: {}, beside: [0, 0] };
    });
    this.#beside = "";
    this.room.replaceChildren(...this.#labels.map(({ node }) => node));
  }

  /** Names that are seen now, with their middles in pixels; for what is taken along. */
  get written() {
    const seen = this.#labels.filter(({ node }) => !node.hidden && node.dataset.rim === undefined);
    return seen.map(({ region, node }) => ({ name: region.name, x: node.offsetLeft + node.offsetWidth / 2, y: node.offsetTop + node.offsetHeight / 2 }));
  }

  /** Put them where they belong now; a smaller region gives way. */
  place() {
    const { clientWidth: width, clientHeight: height } = this.room;
    /** @type {[number, number, number, number][]} */
    const taken = [...(this.room.parentElement?.querySelectorAll(".k-zoom") ?? [])].map((node) => {
      const { offsetLeft: left, offsetTop: top, offsetWidth, offsetHeight } = /** @type {HTMLElement} */ (node);
      return [left, top, left + offsetWidth, top + offsetHeight];
    });
    const free = (/** @type {number[]} */ [left, top, right, bottom]) =>
      taken.every((each) => right + APART_PX < each[0] || left - APART_PX > each[2] || bottom + APART_PX < each[1] || top - APART_PX > each[3]);
    const scale = `${this.scatter.camera.scale} ${width} ${height}`;
    const crowd = scale === this.#beside ? null : this.scatter.crowd(CELL_PX);
    this.#beside = scale;
    for (const label of this.#labels) {
      const { region, node } = label;
      const [px, py] = this.scatter.camera.pixel(region.x, region.y);
      const out = px < 0 || py < 0 || px > width || py > height;
      const rim = out && this.scatter.view.zoom < RIM_UNTIL && !this.scatter.camera.shows(region.box);
      node.hidden = out && !rim;
      if (node.hidden) continue;
      this.#say(node, region, rim ? ARROWS[0] : "");
      const [wide, high] = (label.sizes[node.textContent ?? ""] ??= [node.offsetWidth, node.offsetHeight]);
      const inside = (/** @type {number} */ at, /** @type {number} */ size, /** @type {number} */ room) =>
        Math.min(room - size - RIM_PX, Math.max(RIM_PX, at - size / 2));
      if (crowd && !rim) label.beside = this.#emptiest(crowd, region, [wide, high], free);
      const [dx, dy] = (rim ? null : label.beside) ?? [0, 0];
      const [left, top] = [inside(px + dx, wide, width), inside(py + dy, high, height)];
      const beside = left === RIM_PX || left === width - wide - RIM_PX;
      const tries = rim ? [...Array(TRIES).keys()].map((each) => (each % 2 ? -1 : 1) * Math.ceil(each / 2)) : [0];
      const spot = tries
        .map((each) => (beside ? [left, top + each * (high + 2 * APART_PX)] : [left + each * (wide + 2 * APART_PX), top]))
        .find(([x, y]) => x >= 0 && y >= 0 && x + wide <= width && y + high <= height && free([x, y, x + wide, y + high]));
      node.hidden = !spot || (!rim && !label.beside);
      if (!spot || node.hidden) continue;
      taken.push([spot[0], spot[1], spot[0] + wide, spot[1] + high]);
      const angle = Math.atan2(spot[1] + high / 2 - py, px - spot[0] - wide / 2);
      if (rim) this.#say(node, region, ARROWS[(Math.round(angle / (Math.PI / 4)) + 8) % 8]);
      node.style.left = `${spot[0]}px`;
      node.style.top = `${spot[1]}px`;
    }
  }

  /**
   * How far from the middle of a region its name covers fewest points, near by where that is no worse; never nearer to
   * another region. `null`: it would cover points wherever it stood.
   * @param {(left: number, top: number, right: number, bottom: number) => number} crowd
   * @param {Region} region
   * @param {[number, number]} size
   * @param {(box: number[]) => boolean} free
   * @returns {[number, number] | null}
   */
  #emptiest(crowd, region, [wide, high], free) {
    const { clientWidth: width, clientHeight: height } = this.room;
    const pixel = (/** @type {Region} */ { x, y }) => this.scatter.camera.pixel(x, y);
    const [px, py] = pixel(region);
    const others = this.#labels.filter((label) => label.region !== region).map((label) => pixel(label.region));
    const paths = WAYS.flatMap(([x, y]) => {
      const [start, end] = [STEP_PX, FARTHEST_PX + (wide / 2) * Math.abs(x)];
      return Array.from({ length: Math.floor((end - start) / STEP_PX) + 1 }, (_, each) => [x * (start + each * STEP_PX), y * (start + each * STEP_PX)]);
    });
    /** @type {[number, number] | null} */
    let best = null;
    let least = Infinity;
    for (const [dx, dy] of [[0, 0], ...paths]) {
      const [left, top] = [px + dx - wide / 2, py + dy - high / 2];
      if (left < RIM_PX || top < RIM_PX || left + wide > width - RIM_PX || top + high > height - RIM_PX) continue;
      if (!free([left, top, left + wide, top + high])) continue;
      const far = Math.hypot(dx, dy);
      if (others.some(([x, y]) => Math.hypot(px + dx - x, py + dy - y) < far)) continue;
      const covered = crowd(left, top, left + wide, top + high);
      if (covered * CELL_PX ** 2 > FULL * wide * high) continue;
      if (WORTH_PX * covered + far < least) [best, least] = [[dx, dy], WORTH_PX * covered + far];
    }
    return best;
  }

  /**
   * @param {HTMLButtonElement} node
   * @param {Region} region
   * @param {string} arrow empty where it lies in the picture
   */
  #say(node, region, arrow) {
    const text = arrow ? `${arrow} ${region.name} · ${region.box.size}` : region.name;
    if (node.textContent === text) return;
    node.textContent = text;
    node.tabIndex = arrow ? 0 : -1;
    if (arrow) node.dataset.rim = "";
    else delete node.dataset.rim;
  }
}
