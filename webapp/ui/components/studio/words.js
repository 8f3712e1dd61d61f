// @ts-check
// Styles and what they are measured by, in words.

/** What the two ends of each attribute's scale are called. @type {Record<string, [string, string]>} */
const POLES = {
  onsets_per_bar: ["sparse", "busy"],
  mean_pitch: ["low", "high"],
  mode: ["minor", "major"],
  mean_velocity: ["soft", "loud"],
  tempo_bpm: ["slow", "fast"],
  notes_per_onset: ["thin chords", "thick chords"],
  size: ["small", "large"],
  symmetry: ["lopsided", "symmetrical"],
  warmth: ["cold", "warm"],
  colourfulness: ["grey", "colourful"],
  brightness: ["dark", "bright"],
  contrast: ["soft", "strong"],
  busyness: ["calm", "busy"],
};
/** The styles of a picture and what is measured of each. @type {Record<string, string[]>} */
export const PICTURE_STYLES = { palette: ["warmth", "colourfulness"], light: ["brightness", "contrast"], line: ["busyness"] };
/** Which attribute names each style, as the server's tables do. @type {Record<string, string>} */
export const ATTRIBUTE_OF = {
  rhythm: "onsets_per_bar",
  register: "mean_pitch",
  harmony: "mode",
  dynamics: "mean_velocity",
  tempo: "tempo_bpm",
  texture: "notes_per_onset",
  ...Object.fromEntries(Object.entries(PICTURE_STYLES).map(([style, [first]]) => [style, first])),
};
const TOLD = new Set([...Object.values(ATTRIBUTE_OF), "size", "symmetry", "colourfulness", "contrast"]);
const MIDDLE = 0.4; // standard deviations from the middle of real music: below them nothing is told
const NOTES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
const mode = (/** @type {number} */ value) =>
  Math.abs(value) < 0.05 ? "neither" : `${Math.abs(value) > 0.2 ? "clearly" : "rather"} ${value < 0 ? "minor" : "major"}`;

/**
 * A tempo as musicians count it: in a compound meter by dotted quarters.
 * @param {number} quarters a minute
 * @param {[number, number]} meter
 * @returns {[string, string]}
 */
function tempo(quarters, [numerator, denominator]) {
  const bpm = Math.max(1, quarters);
  const compound = denominator === 8 && numerator % 3 === 0;
  return compound ? [`♩. = ${Math.round((bpm * 2) / 3)}`, "bpm"] : [String(Math.round(bpm)), "bpm"];
}

/** @type {Record<string, (value: number, meter: [number, number]) => [string, string]>} */
const MEASURES = {
  onsets_per_bar: (value) => [Math.max(0, value).toFixed(1), "onsets a bar"],
  mean_pitch: (value) => [`${NOTES[Math.round(value) % 12]}${Math.floor(Math.round(value) / 12) - 1}`, "on average"],
  mode: (value) => [mode(value), ""],
  mean_velocity: (value) => [String(Math.round(Math.min(127, Math.max(1, value)))), "of 127"],
  tempo_bpm: tempo,
  notes_per_onset: (value) => [Math.max(1, value).toFixed(1), "notes at once"],
};

/**
 * A value of an attribute that names a style, and its unit.
 * @param {string} attribute
 * @param {number} value
 * @param {[number, number]} meter of the piece
 * @returns {[string, string]}
 */
export const measure = (attribute, value, meter) => MEASURES[attribute]?.(value, meter) ?? [value.toFixed(2), ""];
export const poles = (/** @type {string} */ attribute) => POLES[attribute] ?? ["less", "more"];
export const capital = (/** @type {string} */ text) => text.charAt(0).toUpperCase() + text.slice(1);

/** What a server refuses with, as a sentence. */
export const sentence = (/** @type {string} */ text) => capital(text) + (/[.!?]$/.test(text) ? "" : ".");

/**
 * A piece in three words at most: the named style first, then what is most its own.
 * @param {Record<string, number>} traits attribute → standard deviations from the middle of real music
 */
export function describe(traits, style = "") {
  const first = traits[ATTRIBUTE_OF[style]] === undefined ? [] : [ATTRIBUTE_OF[style]];
  const rest = Object.keys(traits)
    .filter((name) => name !== first[0] && TOLD.has(name) && Math.abs(traits[name]) >= MIDDLE)
    .sort((one, two) => Math.abs(traits[two]) - Math.abs(traits[one]));
  return [...first, ...rest].slice(0, 3).map((name) => trait(name, traits[name])).join(", ");
}

/**
 * @param {string} attribute
 * @param {number} deviation
 */
function trait(attribute, deviation) {
  if (Math.abs(deviation) < MIDDLE) return `moderate ${Object.keys(ATTRIBUTE_OF).find((style) => ATTRIBUTE_OF[style] === attribute)}`;
  const word = poles(attribute)[deviation < 0 ? 0 : 1];
  return Math.abs(deviation) > 1.5 ? `very ${word}` : word;
}
