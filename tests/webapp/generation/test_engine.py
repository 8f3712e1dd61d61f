import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from models.music.notes import Piece
from models.style.checkpoint import tiny_style
from models.style.compose import Composer
from models.style.latents import Latents
from tests.webapp.generation.conftest import ask, some_piece
from webapp.generation.engine import Engine
from webapp.generation.protocol import (
    BadRequest,
    Cancelled,
    DeadlinePassed,
    GenerationError,
    GeneratorUnavailable,
    Locked,
    QueueFull,
    Source,
)


class Held:
    """A listener that holds the engine's thread at the notes until it is let go."""

    def __init__(self):
        self.reached, self.go_on = threading.Event(), threading.Event()

    def __call__(self, notes):
        self.reached.set()
        self.go_on.wait(60)


def test_a_clip_comes_with_notes_latents_and_the_recipe_to_make_it_again(engine):
    result = engine.generate(ask("one", seed=3, domain="dance", bars=4))
    piece = Piece.from_json(result.notes)
    assert len(piece.bars) == Latents.from_json(result.latents).bars == 4
    assert len(piece.notes) > 0
    assert result.recipe["seed"] == 3
    assert result.recipe["domain"] == "dance"
    assert result.model_version == result.recipe["model_version"] == engine.composer.version
    assert result.decode_ms > 0
    assert result.queue_ms >= 0


def test_the_same_request_alone_gives_the_same_notes_again(engine):
    first, second = engine.generate(ask("first", seed=8)), engine.generate(ask("second", seed=8))
    assert first.notes == second.notes
    assert first.latents == second.latents


@pytest.mark.slow
def test_many_requests_at_once_each_get_the_clip_they_would_get_alone(engine):
    piece = Source(notes=some_piece().to_json())
    asked = [
        ask(
            f"r{seed}",
            seed=seed,
            bars=1 + seed % 8,
            domain=("pop", "dance", "chorale")[seed % 3],
            content=piece if seed % 4 == 0 else None,
            styles={"rhythm": piece} if seed % 5 == 0 else {},
        )
        for seed in range(12)
    ]
    with ThreadPoolExecutor(12) as callers:
        together = list(callers.map(engine.generate, asked))
    alone = [engine.generate(one.model_copy(update={"id": f"{one.id} alone"})) for one in asked]
    assert [result.id for result in together] == [one.id for one in asked]
    for crowd, single in zip(together, alone, strict=True):
        assert crowd.notes == single.notes
        assert crowd.recipe == single.recipe


def test_the_temperature_and_seed_of_a_neighbour_change_nothing(engine):
    alone = engine.generate(ask("alone", seed=4))
    jobs = [engine.submit(ask(f"n{i}", seed=i, temperature=0.2 * i)) for i in range(6)]
    assert engine.generate(ask("with neighbours", seed=4)).notes == alone.notes
    assert len({str(job.future.result().notes) for job in jobs}) == 6


def test_more_drafts_of_a_seed_begin_with_the_same(engine):
    assert engine.drafts("pop", 3, seed=11).drafts == engine.drafts("pop", 40, seed=11).drafts[:3]


def test_latents_near_a_piece_are_drawn_around_it_and_strange_ones_are_refused(engine):
    piece, *far = [each["latents"] for each in engine.drafts("pop", 4, seed=5).drafts]
    near = engine.latents("pop", 3, seed=1, near=piece, keep=0.95)
    assert near == engine.latents("pop", 3, seed=1, near=piece, keep=0.95)

    def away(drawn):
        pairs = zip(drawn["groups"]["content"], piece["groups"]["content"], strict=True)
        return sum(abs(one - other) for a, b in pairs for one, other in zip(a, b, strict=True))

    assert max(map(away, near.latents)) < min(map(away, far))
    for wrong in (
        {"near": piece | {"version": "other"}, "keep": 0.5},
        {"near": {}, "keep": 0.5},
        {"near": piece, "keep": 2.0},
    ):
        with pytest.raises(BadRequest):
            engine.latents("pop", 1, seed=1, **wrong)


def test_locked_notes_stay_and_the_same_request_composes_the_same_rest(engine):
    piece, latents = some_piece(), engine.encode(some_piece().to_json()).latents
    locks = Locked(bars=[1, 6], rhythm=True, notes=piece.to_json())
    asked = ask("locked", content=Source(latents=latents), keep=0.3, locks=locks)
    first = engine.generate(asked)
    again = engine.generate(asked.model_copy(update={"id": "locked again"}))
    assert first.notes == again.notes
    kept = [note for note in piece.notes.tolist() if note[0] // 96 in {1, 6}]
    assert [note for note in first.notes["notes"] if note[0] // 96 in {1, 6}] == kept
    assert first.notes["notes"] != piece.notes.tolist()
    assert (first.recipe["keep"], first.recipe["locks"]["rhythm"]) == (0.3, True)
    other = engine.generate(ask("other seed", seed=2, content=Source(latents=latents), keep=0.3, locks=locks))
    assert other.notes != first.notes


def test_a_piece_is_encoded_to_latents_of_its_bars(engine):
    encoded = engine.encode(some_piece(5).to_json())
    assert Latents.from_json(encoded.latents).bars == 5
    with pytest.raises(BadRequest):
        engine.encode({"ticks_per_quarter": 480})


@pytest.mark.slow
def test_a_full_queue_says_when_to_come_back(composer):
    engine, held = Engine(composer, slots=1, queue=2), Held()
    try:
        jobs = [engine.submit(ask("running"), held)]
        assert held.reached.wait(60)
        jobs += [engine.submit(ask(f"waiting {i}")) for i in range(2)]
        with pytest.raises(QueueFull) as refused:
            engine.submit(ask("too many"))
        assert refused.value.retry_after_s > 0
        held.go_on.set()
        assert [job.future.result(60).id for job in jobs] == ["running", "waiting 0", "waiting 1"]
        assert engine.generate(ask("too many")).id == "too many"
    finally:
        engine.close()


def test_a_clip_that_takes_long_holds_up_nobody_who_comes_meanwhile(engine):
    held = Held()
    long = engine.submit(ask("long"), held)
    assert held.reached.wait(60)
    assert engine.generate(ask("short", seed=2)).id == "short"
    assert not long.future.done()
    held.go_on.set()
    assert long.future.result(60).id == "long"


def test_a_deadline_passes_in_the_queue_and_while_writing(slow_engine):
    with pytest.raises(DeadlinePassed):
        slow_engine.generate(ask("decoding", deadline_ms=150))
    jobs = [slow_engine.submit(ask(f"long {i}", seed=i)) for i in range(2)]
    with pytest.raises(DeadlinePassed):
        slow_engine.generate(ask("queued", deadline_ms=100))
    assert all(job.future.result(60).notes for job in jobs)


def test_cancelling_stops_a_queued_and_a_running_clip_and_frees_their_places(slow_engine):
    held = Held()
    running = slow_engine.submit(ask("running"), held)
    assert held.reached.wait(60)
    queued = slow_engine.submit(ask("queued"))
    assert slow_engine.cancel("running")
    assert slow_engine.cancel("queued")
    assert not slow_engine.cancel("running")
    held.go_on.set()
    for job in (running, queued):
        with pytest.raises(Cancelled):
            job.future.result(60)
    assert slow_engine.generate(ask("after")).id == "after"
    assert slow_engine.health()["running"] == slow_engine.health()["queued"] == 0


def test_a_second_request_with_the_same_id_joins_the_first(slow_engine):
    first = slow_engine.submit(ask("same"))
    second = slow_engine.submit(ask("same", deadline_ms=1_000))
    assert first is second
    slow_engine.leave(first)  # one of the two goes away; the other still gets the clip
    assert second.future.result(60).id == "same"
    assert slow_engine.submit(ask("same")).future.result(0).id == "same"  # answered a moment ago: not composed again
    with pytest.raises(BadRequest, match="another request"):
        slow_engine.submit(ask("same", seed=2))


def test_a_job_that_everybody_left_is_cancelled(slow_engine):
    job = slow_engine.submit(ask("left"))
    slow_engine.leave(job)
    with pytest.raises(Cancelled):
        job.future.result(60)


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [
        {"model": "another model"},
        {"styles": {"colour": Source(notes=some_piece().to_json())}},
        {"styles": {"content": Source(notes=some_piece().to_json())}},
        {"content": Source()},
        {"content": Source(notes={"notes": "no"})},
        {"content": Source(latents={"version": "x", "groups": {}})},
        {"content": Source(latents={"version": "x"})},
        {"keep": 0.5},
        {"content": Source(notes=some_piece().to_json()), "guidance": 2.0},
        {"locks": Locked(harmony=True)},
        {"content": Source(notes=some_piece(4).to_json()), "locks": Locked(bars=[4])},
        {"content": Source(notes=some_piece().to_json()), "locks": Locked(bars=[1], notes=some_piece(4).to_json())},
        {"content": Source(notes=some_piece().to_json()), "locks": Locked(melody=True, notes={"notes": "no"})},
        {"content": Source(notes=Piece(np.zeros((0, 4)), np.array([[0, 96, 4, 4]]), np.array([90.0])).to_json())},
    ],
    ids=[
        "model",
        "style",
        "content as style",
        "neither",
        "not notes",
        "no groups",
        "nothing",
        "keep of nothing",
        "guidance of nothing",
        "locks of nothing",
        "bar beyond",
        "other bars",
        "locked nonsense",
        "silent piece",
    ],
)
def test_what_cannot_be_composed_is_a_bad_request_and_harms_nobody(engine, given):
    good = engine.submit(ask("good"))
    with pytest.raises(BadRequest):
        engine.generate(ask("bad", **given))
    assert good.future.result(60).id == "good"


def test_latents_that_are_not_numbers_are_refused(engine):
    for poison in (float("nan"), float("inf")):
        latents = engine.drafts("pop", 1, seed=0).drafts[0]["latents"]
        latents["groups"]["content"][0][0] = poison
        with pytest.raises(BadRequest, match="finite"):
            engine.generate(ask("poisoned", content=Source(latents=latents)))


class BreakingComposer(Composer):
    """A composer that breaks wherever it writes for the seed 666."""

    def write_surely(self, domain, asks, seeds, between=None):
        if 666 in seeds:
            raise RuntimeError("broken")
        return super().write_surely(domain, asks, seeds, between)


def test_a_clip_that_breaks_what_is_written_beside_it_fails_alone(engine):
    breaking = Engine(BreakingComposer(tiny_style()), slots=4)
    content = Source(notes=some_piece().to_json())
    try:
        jobs = {seed: breaking.submit(ask(f"r{seed}", seed=seed, content=content)) for seed in (1, 2, 666, 3, 4, 5)}
        with pytest.raises(GenerationError, match="RuntimeError"):
            jobs.pop(666).future.result(60)
        for seed, job in jobs.items():
            asked = ask(f"r{seed}", seed=seed, content=content)
            assert job.future.result(60).notes == engine.generate(asked).notes
    finally:
        breaking.close()


def test_a_listener_hears_the_notes_in_order_as_they_come_and_its_trouble_is_its_own(engine):
    heard = []
    result = engine.submit(ask("heard"), heard.extend).future.result(60)
    assert [list(note) for note in heard] == result.notes["notes"]

    def deaf(notes):
        raise ValueError("cannot hear")

    assert engine.submit(ask("unheard"), deaf).future.result(60).notes == result.notes


def test_closing_answers_everybody_who_waits(composer):
    engine, held = Engine(composer, slots=1, queue=8), Held()
    jobs = [engine.submit(ask("running"), held)]
    assert held.reached.wait(60)
    jobs += [engine.submit(ask(f"waiting {i}")) for i in range(3)]
    closing = threading.Thread(target=engine.close)
    closing.start()
    while engine.health()["status"] != "closed":
        time.sleep(0.01)
    held.go_on.set()
    closing.join()
    for job in jobs:
        with pytest.raises(GeneratorUnavailable):
            job.future.result(60)
    with pytest.raises(GeneratorUnavailable):
        engine.submit(ask("late"))
    assert engine.health()["status"] == "closed"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_whatever_callers_do_every_request_is_answered_once_and_no_place_is_lost(engine, seed):
    random = np.random.default_rng(seed)
    plans = [
        (i, int(random.integers(5)), random.choice(["wait", "wait", "cancel", "leave", "hurry"])) for i in range(40)
    ]

    def call(plan):
        number, seed, manner = plan
        try:
            job = engine.submit(ask(f"c{number}", seed=seed, bars=2, deadline_ms=15 if manner == "hurry" else 60_000))
        except QueueFull:
            return "full"
        time.sleep(0.003 * (number % 7))
        if manner == "cancel":
            engine.cancel(job.request.id)
        elif manner == "leave":
            engine.leave(job)
        try:
            return str(job.future.result(60).notes["notes"])
        except (Cancelled, DeadlinePassed) as error:
            return type(error).__name__

    alone = {seed: str(engine.generate(ask(f"alone {seed}", seed=seed, bars=2)).notes["notes"]) for seed in range(5)}
    with ThreadPoolExecutor(12) as callers:
        answers = list(callers.map(call, plans))
    for (_, asked_seed, manner), answer in zip(plans, answers, strict=True):
        excused = {"wait": {"full"}, "hurry": {"full", "DeadlinePassed"}}.get(manner, {"full", "Cancelled"})
        assert answer == alone[asked_seed] or answer in excused
    assert engine.health()["running"] == engine.health()["queued"] == 0
    assert engine.generate(ask("last", seed=0, bars=2)).notes["notes"]
