import assert from "node:assert/strict";
import { test } from "node:test";

import { samePlace } from "../../webapp/ui/components/shared/same_place.js";

test("the same place in the music is found whatever the tempo", () => {
  const [slow, fast] = [[0, 4, 8, 12], [0.5, 1.5, 2.5, 3.5]];
  assert.equal(samePlace(0, slow, fast), 0.5);
  assert.equal(samePlace(6, slow, fast), 2);
  assert.equal(samePlace(2, fast, slow), 6);
  assert.equal(samePlace(13, slow, fast), 4.5);
  assert.equal(samePlace(1, [], fast), 0);
  assert.equal(samePlace(9, slow, [0, 1]), 2);
});
