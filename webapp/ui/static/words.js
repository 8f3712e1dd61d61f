// Taste in words for the person whose taste it is. The server speaks of "a listener"; the page says "you".

// what the two ends of each attribute's scale are called
const POLES = {
  onsets_per_bar: ["sparse", "busy"],
  mean_pitch: ["low", "high"],
  mode: ["minor", "major"],
  mean_velocity: ["soft", "loud"],
  tempo_bpm: ["slow", "fast"],
  notes_per_onset: ["thin chords", "thick chords"],
  contour: ["falling tunes", "rising tunes"],
  leap: ["small steps", "wide leaps"],
};

const NOTES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
const MEASURES = {
  onsets_per_bar: (value) => [Math.max(0, value).toFixed(1), "onsets a bar"],
  mean_pitch: (value) => [`${NOTES[Math.round(value) % 12]}${Math.floor(Math.round(value) / 12) - 1}`, "in the middle"],
  mode: (value) => [Math.abs(value) < 0.05 ? "neither" : `${Math.abs(value) > 0.2 ? "clearly" : "rather"} ${value < 0 ? "minor" : "major"}`, ""],
  mean_velocity: (value) => [String(Math.round(Math.min(127, Math.max(1, value)))), "of 127"],
  tempo_bpm: (value) => [String(Math.round(Math.max(1, value))), "quarters a minute"],
  notes_per_onset: (value) => [Math.max(1, value).toFixed(1), "notes an onset"],
};

/** A value of an attribute that names a style, and its unit. */
export const measure = (attribute, value) => MEASURES[attribute](value);

/** The latents' "content" is, to a listener, the melody. */
export const styleName = (style) => (style === "content" ? "melody" : style);
export const poles = (attribute) => POLES[attribute] ?? ["less", "more"];

/** "probably likes it slower" → "you probably like it slower". */
export function leaning({ words }) {
  const yours = words.replace("likes", "like").replace("seems", "seem").replace("does not", "do not");
  return yours.startsWith("can't") ? "we can't tell yet" : `you ${yours}`;
}

/** Whether words that are sure speak of no direction: neither end is liked, or both, or it hardly matters. */
export const undirected = (words) => /^clearly likes it (neither|either) |^does not seem to mind/.test(words);

/** The style about which the server is surest of a liking; null where all are open. */
export function strongest(styles) {
  const liked = styles.filter(({ words, others }) => / likes? it /.test(` ${words} `) && !others?.guessed);
  return liked.sort((one, two) => two.confidence - one.confidence)[0] ?? null;
}

/** "these votes hardly tell" → "your picks hardly tell". */
export const yours = (words) => words.replace("these votes", "your picks");

export const percent = (share) => `${Math.round(share * 100)} %`;
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** Which attribute names each style, as the server's tables do. */
export const ATTRIBUTE_OF = {
  rhythm: "onsets_per_bar",
  register: "mean_pitch",
  harmony: "mode",
  dynamics: "mean_velocity",
  tempo: "tempo_bpm",
  texture: "notes_per_onset",
};

/** One attribute in a word, by how many standard deviations of real music it lies from the middle. */
export function trait(attribute, deviation) {
  const word = poles(attribute)[deviation < 0 ? 0 : 1];
  if (Math.abs(deviation) < 0.4) return `moderate ${styleOf(attribute)}`;
  return Math.abs(deviation) > 1.5 ? `very ${word}` : word;
}

/** A piece in three words at most: the named style first, then what is most its own. */
export function describe(traits, style = "") {
  const first = traits[ATTRIBUTE_OF[style]] === undefined ? [] : [ATTRIBUTE_OF[style]];
  const rest = Object.keys(traits)
    .filter((name) => name !== first[0] && Object.values(ATTRIBUTE_OF).includes(name))
    .sort((one, two) => Math.abs(traits[two]) - Math.abs(traits[one]));
  return [...first, ...rest].slice(0, 3).map((name) => trait(name, traits[name])).join(", ");
}

const styleOf = (attribute) => Object.keys(ATTRIBUTE_OF).find((style) => ATTRIBUTE_OF[style] === attribute) ?? attribute;
