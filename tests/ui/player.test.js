import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { clock, sources, storage } from "./browser.js";

const { Player } = await import("../../webapp/ui/components/shared/player.js");
const { chosen, setVolume, volume } = await import("../../webapp/ui/components/shared/volume.js");
const clip = (duration) => ({ duration });
const passed = (seconds) => clock.advance(seconds * 1000);
const near = (found, wanted) => assert.ok(Math.abs(found - wanted) < 1e-6, `${found} is not ${wanted}`);
let player;

beforeEach(async () => {
  sources.length = 0;
  player = new Player();
  player.load({ a: clip(6), b: clip(6) });
  player.unlock();
  await passed(0);
});

test("a side goes on where it stood after another was heard", async () => {
  player.play("a");
  await passed(2);
  player.play("b");
  await passed(1);
  player.play("a");
  near(sources.at(-1).offset, 2);
  await passed(0.5);
  near(player.position("a"), 2.5);
  near(player.position("b"), 1);
});

test("one side fades out in five milliseconds while the other fades in", async () => {
  const loud = ({ next }) => next.gain.value;
  player.play("a");
  await passed(2);
  player.play("b");
  await passed(0.0025);
  near(loud(sources[0]), 0.5);
  near(loud(sources[1]), 0.5);
  await passed(0.0025);
  near(loud(sources[0]), 0);
  near(loud(sources[1]), 1);
  await passed(0.0015);
  assert.deepEqual(sources.map((source) => !!source.ended), [true, false]);
});

test("only what sounded was heard, repeats counted", async () => {
  player.play("a");
  await passed(1.5);
  player.pause();
  await passed(60);
  assert.equal(player.heardMs("a"), 1500);
  player.seek("a", 0);
  player.play("a");
  await passed(1);
  assert.equal(player.heardMs("a"), 2500);
  assert.equal(player.heardMs("b"), 0);
});

test("nothing past the end is heard, however late its end is noticed", async () => {
  player.play("a");
  sources[0].onended = null;
  await passed(100);
  assert.equal(player.heardMs("a"), 6000);
  assert.equal(player.position("a"), 6);
});

test("at its end a side that was not begun yet follows, and one that was begun does not", async () => {
  player.play("a");
  await passed(5.9);
  assert.equal(player.playing, "a");
  await passed(0.2);
  assert.equal(player.playing, "b");
  near(player.position("b"), 0.1);
  await passed(6);
  assert.equal(player.playing, null);
  assert.equal(sources.length, 2);
});

test("counts from before a reload go on", async () => {
  player.load({ a: clip(6), b: clip(6) }, { a: 3000 });
  player.play("a");
  await passed(1);
  assert.equal(player.heardMs("a"), 4000);
});

test("a context that the browser has stopped sounds nothing, and goes on with the next tap", async () => {
  player.play("b");
  await passed(1);
  assert.equal(player.playing, "b");
  await clock.contexts.at(-1).suspend();
  assert.equal(player.playing, null);
  await passed(10);
  assert.equal(player.heardMs("b"), 1000);
  player.unlock();
  await passed(1);
  assert.equal(player.playing, "b");
  assert.equal(player.heardMs("b"), 2000);
});

test("a context that wakes no more is replaced, and what sounded goes on", async () => {
  player.play("a");
  await passed(2);
  const context = clock.contexts.at(-1);
  await context.suspend();
  context.resume = () => new Promise(() => {});
  player.unlock();
  await passed(2);
  assert.equal(context.state, "closed");
  assert.equal(player.playing, "a");
  assert.ok(player.position("a") > 2);
});

test("an ended side begins again from its start", async () => {
  player.followsOn = false;
  player.play("a");
  await passed(7);
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

test("a side that has sounded out has ended, and one that was paused has not", async () => {
  player.followsOn = false;
  player.play("a");
  await passed(2);
  player.pause();
  assert.equal(player.ended("a"), false);
  player.play("a");
  await passed(4.1);
  assert.equal(player.ended("a"), true);
});
