// @ts-check
// A map on white paper to take along: its title, the picture as it is seen now, the names of its regions, its legend,
// and where it comes from.

const WIDTH = 1200;
const EDGE = 32;
const LETTER = 8.4; // pixels, about, of the small print
const LINE = 20;
const SERIF = '"Old Standard TT", "Times New Roman", serif';
const SANS = '"Hanken Grotesk", system-ui, sans-serif';
const DIM = 0.16;

/**
 * @typedef {{x: number, y: number, code: number, ring: boolean, lit: boolean, marked: boolean, radius: number}} Dot
 * @typedef {{title: string, colour: string, shown: string[], width: number, height: number, dots: Dot[], colours: string[], legend: [string, number, string][], names: {name: string, x: number, y: number}[], cross?: [number, number] | null, source: string}} Sheet
 */

const safe = (/** @type {string} */ text) => text.replace(/[<>&"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/**
 * Lines of at most `most` letters.
 * @param {string} text
 * @param {number} most
 */
function folded(text, most) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.length - 1;
    if (lines[last] && lines[last].length + word.length >= most) lines.push(word);
    else lines[last] = `${lines[last]} ${word}`.trim();
  }
  return lines;
}

/**
 * The sheet as SVG.
 * @param {Sheet} sheet
 */
export function sheetSvg({ title, colour, shown, width, height, dots, colours, legend, names, cross = null, source }) {
  const scale = (WIDTH - 2 * EDGE) / width;
  const text = (/** @type {string} */ words, /** @type {number} */ x, /** @type {number} */ y, more = "") => `<text x="${x}" y="${y}" ${more}>${safe(words)}</text>`;
  const points = dots.map(({ x, y, code, ring, lit, marked, radius }) => {
    const paint = ring ? `fill="none" stroke="${colours.at(code)}"` : `fill="${colours.at(code)}"`;
    const disc = (/** @type {number} */ size, /** @type {string} */ look) => `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${size.toFixed(1)}" ${look}/>`;
    return disc(radius + (ring ? 2 : 0), `${paint}${lit ? "" : ` opacity="${DIM}"`}`) + (marked ? disc(radius + 3, 'fill="none" stroke="#15191a" stroke-width="1.4"') : "");
  });
  const labels = names.map(({ name, x, y }) => text(name, x, y + 5, 'text-anchor="middle" font-weight="600" stroke="white" stroke-width="4" paint-order="stroke"'));
  const lines = cross ? `<path d="M${cross[0]} 0V${height}M0 ${cross[1]}H${width}" fill="none" stroke="#d6d9d4"/>` : "";
  const top = 84;
  let y = top + height * scale + LINE + 12;
  let x = EDGE;
  const entries = [];
  for (const [label, count, paint] of legend) {
    const wide = 34 + LETTER * `${label} ${count}`.length;
    if (x + wide > WIDTH - EDGE) [x, y] = [EDGE, y + LINE + 4];
    entries.push(`<circle cx="${x + 6}" cy="${y - 5}" r="6" fill="${paint}"/>`, text(`${label} ${count}`, x + 18, y));
    x += wide;
  }
  const said = folded(source, Math.floor((WIDTH - 2 * EDGE) / LETTER)).map((line, index) => text(line, EDGE, y + (index + 1.8) * LINE, 'fill="#515857"'));
  const high = Math.ceil(y + (said.length + 1.8) * LINE + 12);
  const name = new DOMParser().parseFromString("<svg></svg>", "text/html").querySelector("svg")?.namespaceURI;
  return `<svg xmlns="${name}" viewBox="0 0 ${WIDTH} ${high}" width="${WIDTH}" height="${high}" font-family='${SANS}' font-size="14" fill="#15191a">
<title>${safe(title)}</title><desc>${safe(source)}</desc><rect width="100%" height="100%" fill="white"/>
${text(title, EDGE, 46, `font-family='${SERIF}' font-size="34"`)}${text([`Colour: ${colour}`, ...shown].join(" · "), EDGE, 70, 'fill="#515857"')}
<svg x="${EDGE}" y="${top}" width="${WIDTH - 2 * EDGE}" height="${height * scale}" viewBox="0 0 ${width} ${height}">
<rect width="100%" height="100%" fill="none" stroke="#d6d9d4"/>${lines}${points.join("")}${labels.join("")}</svg>
${entries.join("")}${said.join("")}</svg>`;
}

/**
 * An SVG with a size of its own as PNG, twice as large.
 * @param {string} svg
 * @returns {Promise<Blob>}
 */
export async function asPng(svg) {
  const address = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [2 * image.naturalWidth, 2 * image.naturalHeight];
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((done, failed) => canvas.toBlob((bytes) => (bytes ? done(bytes) : failed(new Error("no picture"))), "image/png"));
  } finally {
    URL.revokeObjectURL(address);
  }
}
