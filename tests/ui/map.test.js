// What is seen of a map at first, and what lies within a line, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Camera } from "../../webapp/ui/components/shared/camera.js";
import { within } from "../../webapp/ui/components/shared/lasso.js";
import { mainPart } from "../../webapp/ui/components/shared/main_part.js";
import { legendOf, ofLabels } from "../../webapp/ui/components/shared/palette.js";

const box = (left, right, low, high, size) => ({ left, right, low, high, size });

test("a far island with few points does not shrink what is seen first", () => {
  const crowd = box(-1, 1, -1, 1, 1000);
  assert.deepEqual(mainPart([crowd, box(8, 9, 0, 1, 50)], 800, 600), crowd);
});

test("an island that costs little, or holds much, is seen at once", () => {
  const crowd = box(-1, 1, -1, 1, 1000);
  assert.equal(mainPart([crowd, box(1.1, 1.3, 0, 1, 20)], 800, 600).right, 1.3); // the picture is wide enough for both
  assert.equal(mainPart([crowd, box(1.5, 3.5, -1, 1, 900)], 800, 600).right, 3.5);
});

test("every point is still reached by zooming out", () => {
  const camera = new Camera({ clientWidth: 800, clientHeight: 600 });
  camera.measure([-1, 0, 1, 90], [-1, 0, 1, 90], [box(-1, 1, -1, 1, 3)]);
  assert.deepEqual(camera.view, { x: 0, y: 0, zoom: 1 });
  camera.view = camera.nearer(1e-6, [400, 300]);
  camera.view = { ...camera.whole, zoom: camera.view.zoom };
  const [x, y] = camera.pixel(90, 90);
  assert.ok(x > 0 && x < 800 && y > 0 && y < 600);
});

test("a pixel stays where it is while one zooms towards it", () => {
  const camera = new Camera({ clientWidth: 800, clientHeight: 600 });
  camera.measure([-1, 1], [-1, 1], []);
  const place = camera.place(200, 100);
  camera.view = camera.nearer(3, [200, 100]);
  camera.pixel(...place).forEach((at, axis) => assert.ok(Math.abs(at - [200, 100][axis]) < 1e-6));
});

test("a line encloses what lies within it, also where it bends inwards", () => {
  const bent = [[0, 0], [10, 0], [10, 10], [5, 2], [0, 10]];
  assert.ok(within(bent, 1, 5));
  assert.ok(!within(bent, 5, 8));
  assert.ok(!within(bent, 12, 5));
});

test("a point that is placed later changes no other's colour", () => {
  const known = { labels: [..."abcdefghij"], codes: [0, 7, 8, 9, -1] };
  const painted = (theirs) => {
    const legend = legendOf(known, theirs);
    const colours = ofLabels(legend, "light");
    return { ...legend, colours: legend.codes.map((code) => colours.at(code)) };
  };
  const [before, after] = [painted([]), painted(["your file", "b", "j", ""])];
  assert.deepEqual(after.colours.slice(0, 5), before.colours);
  assert.ok(!before.colours.includes(after.colours[5]));
  assert.equal(after.labels.at(after.codes[5]), "your file");
  assert.equal(after.labels.at(after.codes[6]), "b");
  assert.deepEqual([after.codes[7], after.codes[8], after.rarer], [-1, -1, 2]);
});
