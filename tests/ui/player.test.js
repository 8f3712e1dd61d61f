import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { clock, sources, storage } from "./browser.js";

const { Player } = await import("../../webapp/ui/components/shared/player.js");
const { chosen, setVolume, volume } = await import("../../webapp/ui/components/shared/volume.js");
const clip = (duration) => ({ duration });
let player;

beforeEach(() => {
  clock.now = 0;
  sources.length = 0;
  player = new Player();
  player.load({ a: clip(6), b: clip(6) });
  player.unlock();
});

test("a side goes on where it stood after another was heard", () => {
  player.play("a");
  clock.now = 2;
  player.play("b");
  clock.now = 3;
  player.play("a");
  assert.equal(sources.at(-1).offset, 2);
  clock.now = 3.5;
  assert.equal(player.position("a"), 2.5);
  assert.equal(player.position("b"), 1);
});

test("the side that is left fades out in five milliseconds", () => {
  player.play("a");
  clock.now = 2;
  player.play("b");
  assert.ok(sources[0].stopped - 2 <= 0.0061);
});

test("only what sounded was heard, repeats counted", () => {
  player.play("a");
  clock.now = 1.5;
  player.pause();
  clock.now = 60;
  assert.equal(player.heardMs("a"), 1500);
  player.seek("a", 0);
  player.play("a");
  clock.now = 61;
  assert.equal(player.heardMs("a"), 2500);
  assert.equal(player.heardMs("b"), 0);
});

test("nothing past the end is heard, however late its end is noticed", () => {
  player.play("a");
  clock.now = 100;
  assert.equal(player.heardMs("a"), 6000);
  assert.equal(player.position("a"), 6);
});

test("at its end a side that was not begun yet follows, and one that was begun does not", () => {
  player.play("a");
  clock.now = 6;
  sources[0].onended();
  assert.equal(player.playing, "b");
  clock.now = 12;
  sources[1].onended();
  assert.equal(player.playing, null);
});

test("counts from before a reload go on", () => {
  player.load({ a: clip(6), b: clip(6) }, { a: 3000 });
  player.play("a");
  clock.now = 1;
  assert.equal(player.heardMs("a"), 4000);
});

test("a context that the browser has stopped sounds nothing", () => {
  const seen = [];
  player.addEventListener("change", () => seen.push(player.playing));
  player.play("b");
  assert.equal(seen.at(-1), "b");
  player.toggle("b");
  assert.equal(seen.at(-1), null);
});

test("an ended side begins again from its start", () => {
  player.play("a");
  clock.now = 6;
  player.followsOn = false;
  sources[0].onended();
  player.play("a");
  assert.equal(sources.at(-1).offset, 0);
});

test("the volume is remembered, and what is no volume counts as full", () => {
  setVolume(0.5);
  assert.equal(storage.get("kallos.volume"), "0.5");
  assert.equal(chosen(), 0.5);
  assert.equal(volume(), 0.25);
  storage.set("kallos.volume", "loud");
  assert.equal(volume(), 1);
});

test("a side that has sounded out has ended, and one that was paused has not", () => {
  player.play("a");
  clock.now = 2;
  player.pause();
  assert.equal(player.ended("a"), false);
  player.play("a");
  clock.now = 6;
  player.followsOn = false;
  sources.at(-1).onended();
  assert.equal(player.ended("a"), true);
});
