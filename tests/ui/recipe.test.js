import assert from "node:assert/strict";
import { test } from "node:test";

import "./browser.js";

const { PLAIN, anyLock, barsInWords, changeInWords, inWords, isPlain, recipeOf } = await import(
  "../../webapp/ui/components/studio/recipe.js"
);
const locked = (locks) => ({ ...PLAIN, locks: { ...PLAIN.locks, ...locks } });

test("a recipe that asks for nothing is plain, and one that asks for anything is not", () => {
  assert.ok(isPlain(PLAIN));
  for (const change of [{ toward: { strength: 0.5 } }, { styles: { rhythm: {} } }, { turned: { tempo: 1 } }, { keep: 0.5 }, { seed: 1 }]) {
    assert.equal(isPlain({ ...PLAIN, ...change }), false, JSON.stringify(change));
  }
  assert.equal(isPlain(locked({ bars: [0] })), false);
});

test("an older recipe is completed with what asks for nothing", () => {
  assert.deepEqual(recipeOf({ styles: { rhythm: { strength: 1 } }, content: "a piece" }), { ...PLAIN, styles: { rhythm: { strength: 1 } } });
});

test("bars are told as runs", () => {
  assert.equal(barsInWords([0]), "bar 1");
  assert.equal(barsInWords([4, 0, 1, 2]), "bars 1 to 3 and 5");
  assert.equal(barsInWords([0, 1]), "bars 1 and 2");
});

test("any lock counts, a bar as well as a part", () => {
  assert.equal(anyLock(PLAIN.locks), false);
  assert.ok(anyLock({ ...PLAIN.locks, bars: [3] }));
  assert.ok(anyLock({ ...PLAIN.locks, melody: true }));
});

test("what a recipe does is told in sentences, and nothing of one that does nothing", () => {
  assert.equal(inWords(PLAIN), "");
  assert.equal(inWords({ ...PLAIN, keep: 0, mood: [0.5, -0.5] }), "Written anew for a mood.");
  assert.equal(inWords({ ...PLAIN, keep: 0.5, mood: [0.5, -0.5] }), "50 % of the piece is kept.");
  assert.equal(inWords({ ...PLAIN, styles: { rhythm: {} }, turned: { tempo: -1 } }), "Borrowed: rhythm. Turned: tempo towards slow.");
  assert.equal(inWords({ ...locked({ melody: true }), keep: 0.4 }), "Locked: melody. 40 % of the rest is kept.");
  const both = { ...locked({ bars: [6, 0, 1, 2, 4], melody: true }), keep: 0.25 };
  assert.equal(inWords(both), "Locked: bars 1 to 3, 5 and 7 and melody. 25 % of the rest is kept.");
  const towards = { ...PLAIN, toward: { strength: 0.5 }, styles: { rhythm: {}, tempo: {} } };
  assert.equal(inWords(towards), "50 % of the way to the other piece. Borrowed: rhythm, tempo.");
});

test("one step between two recipes is told in a few words", () => {
  const borrowed = { ...PLAIN, styles: { rhythm: {} } };
  assert.equal(changeInWords(PLAIN, borrowed), "rhythm borrowed");
  assert.equal(changeInWords(borrowed, PLAIN), "rhythm no longer borrowed");
  assert.equal(changeInWords(PLAIN, locked({ harmony: true })), "other locks");
  assert.equal(changeInWords(PLAIN, { ...PLAIN, seed: 2 }), "composed again");
  assert.equal(changeInWords({ ...PLAIN, keep: 0.25 }, { ...PLAIN, keep: 0.25, seed: 7 }), "the rest composed again");
  const much = { ...PLAIN, toward: { strength: 0.5 }, styles: { rhythm: {}, tempo: {} }, turned: { register: 1 } };
  assert.equal(changeInWords(PLAIN, much), "morphed into another piece, rhythm borrowed, tempo borrowed and register turned");
  assert.equal(changeInWords(PLAIN, PLAIN), "no change");
});
