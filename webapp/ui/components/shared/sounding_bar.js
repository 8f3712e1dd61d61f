// @ts-check
// Which bar of which piece sounds, said on the document for a score that shows it.

export const BAR = "kallos.bar"; // its detail: {name, bar}, the bar counted from 0, or -1 where none sounds

/** Tells of another bar once, however often it is asked. */
export class SoundingBar {
  #told = "";

  /**
   * @param {string} name of the piece, as its address has it
   * @param {number[]} bars the seconds at which its bars begin, and at last where it ends; none: nobody knows
   * @param {number | null} seconds where it sounds, if it does
   */
  tell(name, bars, seconds) {
    const begun = seconds === null ? 0 : bars.filter((start) => start <= seconds).length;
    const bar = Math.max(-1, Math.min(begun, bars.length - 1) - 1);
    const told = `${name} ${bar}`;
    if (told === this.#told) return;
    this.#told = told;
    document.dispatchEvent(new CustomEvent(BAR, { detail: { name, bar } }));
  }
}
