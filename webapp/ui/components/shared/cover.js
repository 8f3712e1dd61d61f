// @ts-check
// A picture of a piece, drawn from its notes: time runs around the circle, low notes lie near its middle, and the sections
// of its form stand around it. The same notes give the same picture.

const SIZE = 200;
const [INNER, OUTER, RIM] = [22, 80, 93];
const INKS = /** @type {Record<string, string>} */ ({ ink: "var(--ink)", felt: "var(--felt)", ground: "transparent" });
const PAPER = { ink: "#2b2521", felt: "#a4402c", ground: "#f6f1e7" }; // where no page lends its colours

/**
 * @param {number} turn share of the way around, from the top
 * @param {number} radius
 */
function at(turn, radius) {
  const angle = 2 * Math.PI * turn - Math.PI / 2;
  return `${Math.round(SIZE / 2 + radius * Math.cos(angle))} ${Math.round(SIZE / 2 + radius * Math.sin(angle))}`;
}

/**
 * The markup of a picture; it takes the colours of the page around it.
 * @param {import("./types.js").Note[]} notes
 * @param {number} seconds
 * @param {string} form sections of equal length, such as "AABB"
 */
export function cover(notes, seconds, form = "", inks = INKS) {
  const pitches = notes.map((note) => note[2]);
  const [low, high] = [Math.min(...pitches), Math.max(...pitches)];
  const dots = notes.map(([start, , pitch]) => `M${at(start / seconds, INNER + ((OUTER - INNER) * (pitch - low)) / Math.max(1, high - low))}h0`);
  const rims = [...form].map((letter, place) => {
    const [from, to] = [(place + 0.04) / form.length, (place + 0.96) / form.length];
    const ink = letter === form[0] ? inks.felt : inks.ink;
    return `<path d="M${at(from, RIM)}A${RIM} ${RIM} 0 0 1 ${at(to, RIM)}" stroke="${ink}" stroke-width="6"/>`;
  });
  return `<svg viewBox="0 0 ${SIZE} ${SIZE}" fill="none" stroke-linecap="round">
    <rect width="${SIZE}" height="${SIZE}" fill="${inks.ground}"/>${rims.join("")}
    <path d="${dots.join("")}" stroke="${inks.ink}" stroke-width="5" opacity="0.75"/></svg>`;
}

/**
 * The address of a picture that stands on no page: on a lock screen.
 * @param {Element} picture
 */
export function onItsOwn(picture) {
  const markup = Object.entries(INKS).reduce((text, [name, ink]) => text.replaceAll(`"${ink}"`, `"${/** @type {any} */ (PAPER)[name]}"`), new XMLSerializer().serializeToString(picture));
  return `data:image/svg+xml,${encodeURIComponent(markup)}`;
}
