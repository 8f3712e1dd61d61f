// @ts-check
// A score drawn by abcjs, which is fetched when somebody first asks for one.

import { ApiError, audio } from "./shared/api.js";
import { dress } from "./shared/dress.js";
import { whileOn } from "./shared/lifetime.js";
import { BAR } from "./shared/sounding_bar.js";

const SCRIPT = new URL("./vendor/abcjs-6.7.2.min.js", import.meta.url).href;
const NARROW_PX = 620;
const A4_PX = 680; // how wide the staves are on paper
const SORRY = "The score could not be drawn; nothing is lost. Try again.";

/** @returns {Promise<any>} */
function abcjs() {
  const page = /** @type {any} */ (window);
  page.kallosScores ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = SCRIPT;
    script.onload = () => done(page.ABCJS);
    script.onerror = () => {
      page.kallosScores = null; // another try may succeed
      script.remove();
      failed(new Error(SORRY));
    };
    document.head.append(script);
  });
  return page.kallosScores;
}

class Score {
  #drawn = "";
  #sounding = { name: "", bar: -1 };

  /** @param {import("./shared/types.d.ts").GradioComponent} component */
  constructor({ element, props }) {
    const find = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (element.querySelector(selector));
    this.props = props;
    this.button = find("[data-testid=score]");
    this.section = find("section");
    this.title = find("h2");
    this.said = find("p");
    this.paper = find("[data-part=paper]");
    this.button.addEventListener("click", () => this.#toggle());
    find("[data-testid=print]").addEventListener("click", () => this.#print());
    whileOn(element, document, BAR, ({ detail }) => {
      this.#sounding = detail;
      this.#mark();
    });
    new ResizeObserver(() => this.draw()).observe(this.section);
  }

  #toggle() {
    this.section.hidden = !this.section.hidden;
    this.button.setAttribute("aria-expanded", String(!this.section.hidden));
    this.draw();
    if (!this.section.hidden) this.section.scrollIntoView({ block: "nearest" });
  }

  /** Draw the piece anew as wide as paper, in a frame of its own, and let the browser print that or save it as PDF. */
  async #print() {
    const piece = this.props.value;
    const drawing = document.body.appendChild(document.createElement("div"));
    drawing.style.cssText = "position: absolute; left: -9999px; width: 760px"; // it measures its letters on the page
    try {
      const [{ renderAbc }, text] = await Promise.all([abcjs(), abcOf(piece)]);
      renderAbc(drawing, text, {
        staffwidth: A4_PX,
        wrap: { minSpacing: 1.4, maxSpacing: 2.6, preferredMeasuresPerLine: 4 },
        format: { titlefont: "serif 15", tempofont: "serif 12" },
        add_classes: true,
      });
    } catch (error) {
      drawing.remove();
      this.#tell(error);
      return;
    }
    number(drawing, piece);
    const frame = document.createElement("iframe");
    frame.dataset.testid = "printed";
    frame.style.cssText = "position: absolute; left: -9999px";
    document.body.append(frame);
    const paper = /** @type {Window} */ (frame.contentWindow);
    paper.document.title = piece.title;
    paper.document.body.append(...drawing.children);
    drawing.remove();
    paper.addEventListener("afterprint", () => window.setTimeout(() => frame.remove()));
    paper.print();
  }

  /** Show which bar sounds, where it is this piece that does. */
  #mark() {
    const { name, bar } = this.#sounding;
    for (const each of this.paper.querySelectorAll(".k-sounds")) each.classList.remove("k-sounds");
    if (bar < 0 || !this.props.value?.abc_url?.includes(`/${name}/score`)) return;
    for (const each of this.paper.querySelectorAll(`.abcjs-mm${bar}:not(.abcjs-staff-extra)`)) each.classList.add("k-sounds");
  }

  /** Draw the piece that Python has set, where it is to be seen and not drawn yet. */
  async draw() {
    const piece = this.props.value;
    const width = Math.floor(this.paper.clientWidth);
    this.button.hidden = !piece;
    if (!piece) this.section.hidden = true;
    const what = `${piece?.abc_url ?? piece?.abc} ${width}`;
    if (this.section.hidden || !piece || !width || this.#drawn === what) return;
    this.title.textContent = piece.title;
    try {
      const [{ renderAbc }, text] = await Promise.all([abcjs(), abcOf(piece)]);
      if (piece !== this.props.value && piece.abc_url !== this.props.value?.abc_url) return;
      const narrow = width < NARROW_PX;
      renderAbc(this.paper, text.replace(/^T:.*\n/gm, ""), {
        responsive: "resize",
        staffwidth: narrow ? 2 * width : width, // more music a line than life-size notes would leave
        wrap: { minSpacing: 1.2, maxSpacing: 2.5, preferredMeasuresPerLine: narrow ? 2 : 4 },
        paddingleft: 0,
        paddingright: 0,
        foregroundColor: "currentColor",
        ariaLabel: piece.title,
        add_classes: true,
      });
      number(this.paper, piece);
      this.#drawn = what;
      this.#mark();
      this.said.textContent = "";
    } catch (error) {
      this.paper.replaceChildren(); // it may be drawn in part
      this.#tell(error);
    }
  }

  /** @param {unknown} error */
  #tell(error) {
    if (!(error instanceof ApiError)) console.error(error);
    this.said.textContent = error instanceof ApiError ? error.message : SORRY;
  }
}

/**
 * Bars have their numbers; tempi of each bar would crowd the staff.
 * @param {{abc?: string, abc_url: string}} piece
 */
async function abcOf(piece) {
  const text = piece.abc ?? new TextDecoder().decode(await audio(piece.abc_url));
  return text.replaceAll(/\[Q:[^\]]*\]/g, "").replace(/^X:.*\n/m, (line) => `${line}%%barnumbers 0\n`);
}

/**
 * Count bars from the piece's first one: abcjs, told where to begin, begins there anew with each line.
 * @param {HTMLElement} drawing
 * @param {{first_bar?: number | null}} piece
 */
function number(drawing, { first_bar }) {
  const first = first_bar ?? 1; // null where it begins with the music's own first bar
  for (const each of drawing.querySelectorAll(".abcjs-bar-number tspan")) {
    each.textContent = String(Number(each.textContent) + first - 1);
  }
}

/** @param {import("./shared/types.d.ts").GradioComponent} component */
export async function start(component) {
  const score = new Score(component);
  component.watch("value", () => score.draw());
  await dress(component.element, import.meta.url, "score.css");
  score.draw();
}
