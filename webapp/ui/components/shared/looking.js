// @ts-check
// Pictures that are looked at in place of clips that are heard: how long each has really been in view.

import { whileOn } from "./lifetime.js";
import { clock } from "./sound_clock.js";

const IN_VIEW = 0.6; // of a picture, from which on it is seen
const TELL_MS = 100;

/** @typedef {{element: HTMLElement, seenMs: number, since: number | null, inView: boolean}} Seen */

/** Emits "change" while time goes by that may be missing for a vote. */
export class Looking extends EventTarget {
  /** @type {Record<string, Seen>} */
  #pictures = {}; // by side
  /** @type {IntersectionObserver | null} */
  #observer = null;
  /** @type {() => void} */
  #stopTelling = () => {};

  /** @param {HTMLElement} root */
  constructor(root) {
    super();
    this.root = root;
    whileOn(root, document, "visibilitychange", () => this.#count());
  }

  /**
   * Count from now on how long these are in view; `seenMs` continues counts from before a reload.
   * @param {Record<string, HTMLElement>} elements by side
   * @param {Record<string, number>} seenMs
   * @param {number} enoughMs of each, after which nothing is told any more
   */
  show(elements, seenMs, enoughMs) {
    this.clear();
    this.#pictures = Object.fromEntries(
      Object.entries(elements).map(([side, element]) => [side, { element, seenMs: seenMs[side] ?? 0, since: null, inView: false }]),
    );
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { target, intersectionRatio } of entries) {
          const seen = Object.values(this.#pictures).find(({ element }) => element === target);
          if (seen) seen.inView = intersectionRatio >= IN_VIEW;
        }
        this.#count();
      },
      { threshold: [0, IN_VIEW, 1] },
    );
    for (const element of Object.values(elements)) observer.observe(element);
    this.#observer = observer;
    this.#tell(enoughMs);
  }

  /** Tell again and again that time goes by, until all have been seen for `enoughMs`. @param {number} enoughMs */
  #tell(enoughMs) {
    this.#stopTelling = clock.after(TELL_MS, () => {
      if (!this.root.isConnected) return this.clear();
      const enough = Object.keys(this.#pictures).every((side) => this.seenMs(side) >= enoughMs);
      if (!enough) this.#tell(enoughMs);
      this.dispatchEvent(new Event("change"));
    });
  }

  /** Nothing is looked at any more. */
  clear() {
    this.#observer?.disconnect();
    this.#stopTelling();
    this.#pictures = {};
  }

  /**
   * Milliseconds that this side has been in view, of a page that was not hidden.
   * @param {string} side
   */
  seenMs(side) {
    const seen = this.#pictures[side];
    if (!seen) return 0;
    return Math.round(seen.seenMs + (seen.since === null ? 0 : clock.now() - seen.since));
  }

  /** What is in view now begins to count, what is not stops. */
  #count() {
    const now = clock.now();
    for (const seen of Object.values(this.#pictures)) {
      const counts = seen.inView && !document.hidden;
      if (counts && seen.since === null) seen.since = now;
      else if (!counts && seen.since !== null) {
        seen.seenMs += now - seen.since;
        seen.since = null;
      }
    }
  }
}
