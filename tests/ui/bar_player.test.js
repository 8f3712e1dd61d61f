import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { clock } from "./browser.js";

globalThis.document = { hidden: false };
const { BarPlayer } = await import("../../webapp/ui/components/live/bar_player.js");
const bar = (number, more = {}) => ({ number, seconds: 2, ticks: 96, middle: 48, from_tick: 0, audio: "", audio_after_s: 0, ...more });
const passed = (seconds) => clock.advance(seconds * 1000);
let [asked, parts, began] = [0, [], []];

/** Parts as they were scheduled: which bar, from which tick on, and when, in seconds after the first. */
const schedule = () => parts.map(({ bar: { number }, from, atMs }) => [number, from, Math.round(atMs - parts[0].atMs) / 1000]);

function playing(ask = async () => bar(asked++), askForHalf = () => null) {
  const player = new BarPlayer(ask, askForHalf);
  player.addEventListener("scheduled", ({ detail }) => parts.push(detail));
  player.addEventListener("bar", () => began.push([player.bar.number, clock.now()]));
  player.start();
  return player;
}

beforeEach(() => {
  [asked, parts, began] = [0, [], []];
});

test("bars meet without a gap, and each is asked for a moment before it sounds", async () => {
  const player = playing();
  await passed(0.1);
  assert.equal(asked, 1);
  await passed(1.5);
  assert.equal(asked, 1);
  await passed(0.3);
  assert.equal(asked, 2);
  await passed(4);
  assert.deepEqual(schedule().slice(0, 5), [[0, 0, 0], [0, 48, 1], [1, 0, 2], [1, 48, 3], [2, 0, 4]]);
  assert.deepEqual(began.map(([number]) => number), [0, 1, 2]);
  assert.equal(player.late, 0);
  player.pause();
  const before = asked;
  await passed(10);
  assert.equal(asked, before);
});

test("what is seen after a bar has begun takes its place from the middle on", async () => {
  const half = bar(0, { from_tick: 48, seconds: 4 });
  const player = playing(undefined, () => (asked === 1 ? Promise.resolve(half) : null));
  await passed(4);
  assert.equal(parts[1].bar, half);
  assert.deepEqual(schedule().slice(0, 3), [[0, 0, 0], [0, 48, 1], [1, 0, 3]]); // its half takes two seconds
  player.pause();
});

test("a bar that takes longer than the one before sounds as soon as it is there, and counts as late", async () => {
  const player = playing(() => new Promise((done) => clock.after(asked ? 5000 : 0, () => done(bar(asked++)))));
  await passed(8);
  assert.equal(player.late, 1);
  assert.ok(schedule().some(([number, , at]) => number === 1 && at > 6 && at < 7));
  player.pause();
});

test("where a bar does not come, it pauses and tells why", async () => {
  const told = [];
  const player = playing(async () => {
    throw new Error("no generator");
  });
  player.addEventListener("trouble", ({ detail }) => told.push(detail.message));
  await passed(1);
  assert.deepEqual(told, ["no generator"]);
  assert.equal(player.playing, false);
});

test("what is paused before it could begin stays silent, and begins once where it is started again", async () => {
  const player = playing();
  player.pause();
  await passed(1);
  assert.equal(asked, 0);
  player.start();
  player.pause();
  player.start();
  await passed(0.1);
  assert.equal(asked, 1);
  player.pause();
});

test("after a pause while a bar is on its way, the next one is asked for when that has come", async () => {
  const player = playing(() => new Promise((done) => {
    const number = asked++;
    clock.after(1000, () => done(bar(number)));
  }));
  await passed(0.2);
  player.pause();
  player.start();
  await passed(0.2);
  assert.equal(asked, 1);
  await passed(1);
  assert.equal(asked, 2);
  player.pause();
});
