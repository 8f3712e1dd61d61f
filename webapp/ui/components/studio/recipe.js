// @ts-check
// What a piece of the studio is made from, as the page handles it: nothing changed, what changed, in words.

import { ATTRIBUTE_OF, poles } from "./words.js";

const FREE = { bars: [], melody: false, harmony: false, rhythm: false };
/**
 * @typedef {{source: string, strength: number}} Borrowed
 * @typedef {{bars: number[], melody: boolean, harmony: boolean, rhythm: boolean}} LockSet
 * @typedef {{toward: Borrowed | null, styles: Record<string, Borrowed>, turned: Record<string, number>, keep: number, locks: LockSet, rules: Rules | null, mood: number[] | null, seed: number}} Recipe
 * @typedef {{tempo: number, major: number, semitones: number, spread: number, velocity: number | null}} Rules
 */

/** @type {("melody" | "harmony" | "rhythm")[]} */
export const LOCKS = ["melody", "harmony", "rhythm"];

/** A recipe that changes nothing; the content is the piece on the desk. @type {Recipe} */
export const PLAIN = { toward: null, styles: {}, turned: {}, keep: 1, locks: FREE, rules: null, mood: null, seed: 0 };

/** The recipe of a piece without its content, complete where it is an older one. @returns {Recipe} */
export const recipeOf = (/** @type {any} */ { toward, styles, turned, keep, locks, rules, mood, seed }) => ({
  ...PLAIN,
  ...Object.fromEntries(Object.entries({ toward, styles, turned, keep, locks, rules, mood, seed }).filter(([, value]) => value !== undefined)),
});

export const anyLock = (/** @type {LockSet} */ locks) => locks.bars.length > 0 || locks.melody || locks.harmony || locks.rhythm;

/** Whether locks are all that a recipe asks for. */
export const onlyLocked = (/** @type {Recipe} */ { toward, styles, turned, locks, rules }) =>
  anyLock(locks) && !toward && !rules && !Object.keys(styles).length && !Object.keys(turned).length;

/** Whether the same pitches sound in the same order. @param {number[][]} one notes as the server tells them @param {number[][]} two */
export const samePitches = (one, two) => one.length === two.length && one.every(([, , pitch], place) => pitch === two[place][2]);

/** Whether a recipe asks for nothing but the content itself. */
export const isPlain = (/** @type {Recipe} */ { toward, styles, turned, keep, locks, rules, seed }) =>
  !toward && !rules && !Object.keys(styles).length && !Object.keys(turned).length && keep === 1 && !anyLock(locks) && !seed;

/** [0, 1, 2, 4] → "bars 1 to 3 and 5". @param {number[]} bars @param {number} first the number of the first bar there is */
export function barsInWords(bars, first = 1) {
  /** @type {[number, number][]} */
  const runs = [];
  for (const bar of [...bars].sort((one, two) => one - two)) {
    const last = runs.at(-1);
    if (last && last[1] === bar - 1) last[1] = bar;
    else runs.push([bar, bar]);
  }
  const told = runs.map(([from, to]) => (from === to ? `${from + first}` : `${from + first} ${to === from + 1 ? "and" : "to"} ${to + first}`));
  return `${bars.length > 1 ? "bars" : "bar"} ${enumerated(told)}`;
}

const enumerated = (/** @type {string[]} */ parts) => (parts.length > 1 ? `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}` : parts.join(""));

/** What rules do to notes. @param {Rules} rules */
function rulesInWords({ tempo, major, semitones, spread, velocity }) {
  const by = Math.round(Math.abs(tempo - 1) * 100);
  const told = [
    major ? `in ${major > 0 ? "major" : "minor"}` : "",
    by ? `${by} % ${tempo > 1 ? "faster" : "slower"}` : "",
    semitones ? `${Math.abs(semitones)} ${Math.abs(semitones) === 1 ? "semitone" : "semitones"} ${semitones > 0 ? "higher" : "lower"}` : "",
    spread ? (spread > 0 ? "wider" : "closer together") : "",
    velocity ? `at loudness ${velocity} of 127` : "",
  ].filter(Boolean);
  return enumerated(told);
}

/** What a recipe does to its content, in a sentence or two; empty where it does nothing. @param {Recipe} recipe @param {number} first bar */
export function inWords({ toward, styles, turned, keep, locks, rules, mood }, first = 1) {
  const sentences = [];
  const ruled = rules ? rulesInWords(rules) : "";
  if (ruled) sentences.push(`For its mood the notes were put ${ruled}.`);
  if (toward) sentences.push(`${Math.round(toward.strength * 100)} % of the way to the other piece.`);
  const groups = Object.keys(styles);
  if (groups.length) sentences.push(`Borrowed: ${groups.join(", ")}.`);
  const moved = Object.entries(turned).map(([group, by]) => `${group} towards ${poles(ATTRIBUTE_OF[group] ?? group)[by < 0 ? 0 : 1]}`);
  if (moved.length) sentences.push(`Turned: ${enumerated(moved)}.`);
  const held = [locks.bars.length ? barsInWords(locks.bars, first) : "", ...LOCKS.filter((name) => locks[name])];
  const locked = held.filter(Boolean);
  if (locked.length) sentences.push(`Locked: ${enumerated(locked)}.`);
  const anew = mood && !keep && !sentences.length;
  if (anew) sentences.push("Written anew for a mood.");
  if (keep < 1 && !anew) sentences.push(`${Math.round(keep * 100)} % of the ${locked.length ? "rest" : "piece"} is kept.`);
  return sentences.join(" ");
}

/** What happened between two recipes, one step apart, in a few words. @param {Recipe} before @param {Recipe} after */
export function changeInWords(before, after) {
  const same = (/** @type {any} */ one, /** @type {any} */ two) => JSON.stringify(one) === JSON.stringify(two);
  const changes = [];
  if (!same(before.toward, after.toward)) changes.push(after.toward ? (before.toward ? "morphed differently" : "morphed into another piece") : "no longer morphed");
  const styles = [...new Set([...Object.keys(before.styles), ...Object.keys(after.styles)])];
  for (const group of styles.filter((each) => !same(before.styles[each], after.styles[each]))) {
    changes.push(after.styles[group] ? (before.styles[group] ? `${group} borrowed differently` : `${group} borrowed`) : `${group} no longer borrowed`);
  }
  const turned = [...new Set([...Object.keys(before.turned), ...Object.keys(after.turned)])];
  for (const group of turned.filter((each) => before.turned[each] !== after.turned[each] && !after.styles[each])) {
    changes.push(after.turned[group] ? `${group} turned` : `${group} turned back`);
  }
  if (!same(before.rules, after.rules)) changes.push(after.rules ? "notes changed for a mood" : "notes as they were");
  if (!same(before.locks, after.locks)) changes.push("other locks");
  if (before.keep !== after.keep && same(before.locks, after.locks)) changes.push(`${Math.round(after.keep * 100)} % kept`);
  if (!changes.length && before.seed !== after.seed) changes.push(anyLock(after.locks) || after.keep < 1 ? "the rest composed again" : "composed again");
  return enumerated(changes) || "no change";
}
