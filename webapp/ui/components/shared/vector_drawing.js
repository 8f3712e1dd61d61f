// @ts-check
// A drawing as vectors on a canvas: the same as models/picture/vector.py writes as SVG of a whole drawing, in colours that
// change.

export const GRID = 4000;
const [OUTLINE, SHADE, BOLDEST, WIDEST, FADED, FLAT] = [40, 0.4, 5, 150, 0.95, 0.85];

/**
 * `fill` and `stroke` number the subject's paints.
 * @typedef {{d: string, size: number, fill?: number, stroke?: number, width?: number, cap?: CanvasLineCap, join?: CanvasLineJoin, evenodd?: boolean, outline?: number[]}} Shape
 * @typedef {[kind: string, first: number, count: number, offsets: number[], matrix: number[]]} Paint
 * @typedef {{name?: string, image?: string, shapes: Shape[], paints: Paint[], areas: number[]}} Subject
 */

/** Red, green, blue and alpha in 0 to 255, one colour after the other; the last is the paper's. @typedef {Float32Array} Colours */

/** @param {string} hex eight digits a colour */
export function coloursOf(hex) {
  return Float32Array.from({ length: hex.length / 2 }, (_, place) => Number.parseInt(hex.slice(2 * place, 2 * place + 2), 16));
}

/**
 * @param {Colours} one
 * @param {Colours} other
 * @param {number} share
 */
export function mixed(one, other, share) {
  return one.map((value, place) => value + share * (other[place] - value));
}

const DIGITS = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));

/**
 * A colour as a canvas takes it; asked hundreds of times a frame, so it neither makes arrays nor formats numbers.
 * @param {ArrayLike<number>} colours
 * @param {number} at where its red stands
 */
export function css(colours, at = 0) {
  const part = (/** @type {number} */ place) => DIGITS[Math.min(255, Math.max(0, Math.round(colours[place])))];
  return `#${part(at)}${part(at + 1)}${part(at + 2)}${part(at + 3)}`;
}

/**
 * The mean of some colours of a table.
 * @param {Colours} colours
 * @param {Paint} paint
 */
export function meanOf(colours, [, first, count]) {
  return [0, 1, 2, 3].map((part) => {
    let sum = 0;
    for (let place = first; place < first + count; place += 1) sum += colours[4 * place + part];
    return sum / count;
  });
}

/**
 * Colours as the line leaves them: fills faded towards the paper, or everything near one colour.
 * @param {Subject} subject
 * @param {Colours} colours
 * @param {number} line
 */
function lined({ shapes, paints, areas }, colours, line) {
  const paper = colours.subarray(-4);
  const found = colours.slice();
  const towards = (/** @type {number} */ place, /** @type {ArrayLike<number>} */ goal, /** @type {number} */ share) => {
    for (let part = 0; part < 3; part += 1) found[4 * place + part] += share * (goal[part] - found[4 * place + part]);
  };
  if (line > 0) {
    for (const { fill } of shapes) {
      if (fill === undefined) continue;
      const [, first, count] = paints[fill];
      for (let place = first; place < first + count; place += 1) towards(place, paper, FADED * line);
    }
  } else if (line < 0) {
    let [red, green, blue, weight] = [0, 0, 0, 1e-9];
    for (let place = 0; place < areas.length; place += 1) {
      const at = 4 * place;
      const [r, g, b] = [colours[at], colours[at + 1], colours[at + 2]];
      const far = Math.max(Math.abs(r - paper[0]), Math.abs(g - paper[1]), Math.abs(b - paper[2]));
      const seen = areas[place] * colours[at + 3] * far;
      red += seen * r;
      green += seen * g;
      blue += seen * b;
      weight += seen;
    }
    const mean = [red / weight, green / weight, blue / weight];
    for (let place = 0; place < areas.length; place += 1) towards(place, mean, FLAT * -line);
  }
  return found;
}

/** Draws one subject; its paths are made once. */
export class VectorDrawing {
  /** @param {Subject} subject */
  constructor(subject) {
    this.subject = subject;
    this.paths = subject.shapes.map(({ d }) => new Path2D(d));
    this.fitted = subject.shapes.map(({ fill }, number) => this.#inCircle(fill, this.paths[number]));
    /** The largest shapes, of which outlines are known, the largest first. */
    this.outlined = subject.shapes.filter(({ outline }) => outline).sort((one, other) => other.size - one.size);
    /** The outline of each of them: x and y in turn. */
    this.rings = this.outlined.map(({ outline }) => Float32Array.from(outline ?? []));
  }

  /**
   * A path in the units of its radial gradient, which a canvas draws as a circle alone.
   * @param {number | undefined} fill
   * @param {Path2D} path
   */
  #inCircle(fill, path) {
    if (fill === undefined || this.subject.paints[fill][0] !== "radial") return null;
    const found = new Path2D();
    found.addPath(path, new DOMMatrix(this.subject.paints[fill][4]).inverse());
    return found;
  }

  /**
   * Draw it, on whatever is there already, within `GRID` units.
   * @param {CanvasRenderingContext2D} pen
   * @param {Colours} plain
   * @param {number} line
   */
  draw(pen, plain, line) {
    const colours = line ? lined(this.subject, plain, line) : plain;
    this.subject.shapes.forEach((shape, number) => {
      this.#fill(pen, shape, number, colours);
      this.#stroke(pen, shape, number, colours, plain, line);
    });
  }

  /**
   * @param {CanvasRenderingContext2D} pen
   * @param {Shape} shape
   * @param {number} number
   * @param {Colours} colours
   */
  #fill(pen, shape, number, colours) {
    const rule = shape.evenodd ? "evenodd" : "nonzero";
    if (shape.fill === undefined) return;
    const paint = this.subject.paints[shape.fill];
    const path = this.fitted[number];
    if (!path) {
      pen.fillStyle = style(pen, paint, colours);
      pen.fill(this.paths[number], rule);
      return;
    }
    const [a, b, c, d, e, f] = paint[4];
    pen.save();
    pen.transform(a, b, c, d, e, f);
    pen.fillStyle = stopped(pen.createRadialGradient(0, 0, 0, 0, 0, 1), paint, colours);
    pen.fill(path, rule);
    pen.restore();
  }

  /**
   * @param {CanvasRenderingContext2D} pen
   * @param {Shape} shape
   * @param {number} number
   * @param {Colours} colours
   * @param {Colours} plain
   * @param {number} line
   */
  #stroke(pen, shape, number, colours, plain, line) {
    const { fill, stroke, width = 0 } = shape;
    const thin = stroke === undefined || (width * meanOf(colours, this.subject.paints[stroke])[3]) / 255 < OUTLINE / 3;
    if (stroke !== undefined && !(thin && line > 0 && fill !== undefined)) {
      pen.strokeStyle = style(pen, this.subject.paints[stroke], colours);
      pen.lineWidth = line > 0 ? width * (1 - line / 2) : width - line * Math.min(BOLDEST * width, WIDEST);
      [pen.lineCap, pen.lineJoin] = [shape.cap ?? "butt", shape.join ?? "miter"];
      pen.miterLimit = 4;
    } else if (fill !== undefined && line > 0) {
      const [red, green, blue, alpha] = meanOf(plain, this.subject.paints[fill]);
      pen.strokeStyle = css([SHADE * red, SHADE * green, SHADE * blue, Math.min(1, 2 * line) * alpha]);
      [pen.lineWidth, pen.lineJoin] = [OUTLINE, "round"];
    } else return;
    if (pen.lineWidth > 0) pen.stroke(this.paths[number]);
  }
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {Paint} paint
 * @param {Colours} colours
 */
function style(pen, paint, colours) {
  const [kind, first, , , matrix] = paint;
  if (kind === "solid") return css(colours, 4 * first);
  if (kind === "radial") return css(meanOf(colours, paint));
  const [a, b, c, d, e, f] = matrix;
  const size = a * d - b * c;
  const [x, y] = [d / size, -c / size]; // how fast the gradient rises to the right and downwards
  const far = x * x + y * y;
  return stopped(pen.createLinearGradient(e, f, e + x / far, f + y / far), paint, colours);
}

/**
 * @param {CanvasGradient} gradient
 * @param {Paint} paint
 * @param {Colours} colours
 */
function stopped(gradient, [, first, , offsets], colours) {
  offsets.forEach((offset, number) => gradient.addColorStop(offset, css(colours, 4 * (first + number))));
  return gradient;
}
