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

/** The latents' "content" is, to a listener, the melody. */
export const styleName = (style) => (style === "content" ? "melody" : style);
export const poles = (attribute) => POLES[attribute] ?? ["less", "more"];

/** "probably likes it slower" → "you probably like it slower". */
export function leaning({ words }) {
  const yours = words.replace("likes", "like").replace("seems", "seem").replace("does not", "do not");
  return yours.startsWith("can't") ? "we can't tell yet" : `you ${yours}`;
}

/** The style about which the server is surest of a liking; null where all are open. */
export function strongest(styles) {
  const liked = styles.filter(({ words }) => / likes? it /.test(` ${words} `));
  return liked.sort((one, two) => two.confidence - one.confidence)[0] ?? null;
}

export const percent = (share) => `${Math.round(share * 100)} %`;
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
