import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { storage } from "./browser.js";

const { ApiError, backOffS } = await import("../../webapp/ui/components/shared/api.js");
const { BallotBox } = await import("../../webapp/ui/components/shared/ballot.js");
const { PAIR, FOUR, inWords } = await import("../../webapp/ui/components/shared/games.js");

const BALLOT = PAIR.ballot("offer", "left", { a: 3100, b: 3200 });
const wait = globalThis.setTimeout;

beforeEach(() => {
  storage.clear();
  globalThis.setTimeout = (act) => wait(act, 0);
});

/** A game whose server answers in turn. */
function server(...answers) {
  const sent = [];
  const send = async (ballot) => {
    sent.push(ballot);
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { kept: "kallos.vote", send, sent };
}

test("a vote is written down before it is sent and forgotten once it is acknowledged", async () => {
  const game = server({ outcome: "left", picks: 1, open: [] });
  const box = new BallotBox(game, () => {});
  box.put(BALLOT);
  assert.deepEqual(JSON.parse(storage.get("kallos.vote")), BALLOT);
  assert.equal((await box.send()).picks, 1);
  assert.equal(storage.has("kallos.vote"), false);
});

test("a vote that got no answer is sent again, the same one", async () => {
  const waited = [];
  const game = server(new ApiError(0, ""), new ApiError(503, "busy"), { outcome: "left", picks: 1, open: [] });
  const box = new BallotBox(game, (error) => waited.push(error.status));
  box.put(BALLOT);
  await box.send();
  assert.deepEqual(waited, [0, 503]);
  assert.deepEqual(game.sent, [BALLOT, BALLOT, BALLOT]);
});

test("a vote that is refused is not tried again", async () => {
  const game = server(new ApiError(409, "answered already"));
  const box = new BallotBox(game, () => {});
  box.put(BALLOT);
  await assert.rejects(box.send(), { status: 409 });
  assert.equal(game.sent.length, 1);
  assert.equal(box.pending, null);
});

test("another page finds the vote that this one could not send", () => {
  new BallotBox(server(), () => {}).put(BALLOT);
  assert.deepEqual(new BallotBox(server(), () => {}).pending, BALLOT);
});

test("what is kept and is no vote counts as none", () => {
  storage.set("kallos.vote", "{broken");
  assert.equal(new BallotBox(server(), () => {}).pending, null);
});

test("a ballot says what was heard of each clip, by side or in order", () => {
  assert.deepEqual(BALLOT, { offer_id: "offer", outcome: "left", heard_ms: { left: 3100, right: 3200 } });
  const four = FOUR.ballot("four", "c", { a: 1, b: 2, c: 3, d: 4 });
  assert.deepEqual(four, { four_id: "four", outcome: "c", heard_ms: [1, 2, 3, 4] });
});

test("only an outcome that names a side has a winner", () => {
  assert.equal(PAIR.winner("right"), "b");
  assert.equal(PAIR.winner("equal"), undefined);
  assert.equal(FOUR.winner("d"), "d");
  assert.equal(FOUR.winner("none"), undefined);
});

test("the waits between attempts double, at most fifteen seconds or what the server asks for", () => {
  assert.deepEqual([0, 1, 2, 9].map((attempt) => backOffS(attempt)), [0.5, 1, 2, 15]);
  assert.equal(backOffS(0, new ApiError(429, "", 10)), 10);
});

test("the clips that lack are named in a sentence", () => {
  assert.equal(inWords(["b", "c", "d"]), "B, C and D");
});
