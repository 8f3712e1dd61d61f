"""What the piece model writes inside a generator: from nothing, borrowed into, played on, in a mood."""

import json
import threading
import time
from http.client import HTTPConnection

import numpy as np
import pytest
import torch

from models.music.notes import Piece, in_melody
from models.style import compose, drafting
from models.style.checkpoint import tiny_style
from models.style.compose import Composer
from models.style.drafting import draft_each
from models.style.pieces.model import OF_TINY_STYLE, tiny_pieces
from models.style.pieces.sampling import Writer
from tests.serving import served
from tests.webapp.generation.conftest import ask, some_piece, tiny_agent
from webapp.generation import companions, drawing
from webapp.generation import engine as engine_module
from webapp.generation.drawing import OF_A_MOOD
from webapp.generation.engine import Engine
from webapp.generation.protocol import BadRequest, GeneratorUnavailable, Locked, Mood, Source
from webapp.generation.remote import RemoteGenerator
from webapp.generation.server import create_app
from webapp.runtime.errors import NobodyWaits
from webapp.runtime.waiting import heeding


@pytest.fixture
def writing_engine(monkeypatch):
    monkeypatch.setattr(drafting, "rejection_reason", lambda *_: None)  # untrained models write strange music
    monkeypatch.setattr(compose, "rejection_reason", lambda *_: None)
    engine = Engine(Composer(tiny_style()), slots=2, queue=8)
    yield engine
    engine.close()


def test_from_nothing_comes_what_the_piece_model_writes_with_its_latents(writing_engine):
    heard = []
    result = writing_engine.submit(ask("written", seed=3, bars=4), heard.extend).future.result()
    (draft,) = draft_each(writing_engine.composer, ["pop"], [3])
    assert result.notes == draft.notes.window(0, 4).to_json()
    assert [list(note) for note in heard] == result.notes["notes"]
    assert (result.recipe["content"], result.recipe["writer"], result.recipe["bars"]) == ("written", "tiny-pieces-0", 4)
    assert result.latents["groups"]["content"] == draft.latents.to_json()["groups"]["content"][:4]


def test_a_tune_in_many_styles_of_others_is_written_and_its_latents_are_those_of_its_notes(writing_engine):
    tune, donor = Source(notes=some_piece().to_json()), Source(notes=some_piece(seed=4).to_json())
    styles = dict.fromkeys(("rhythm", "harmony", "register"), donor)
    result = writing_engine.generate(ask("styled", seed=3, content=tune, styles=styles))
    assert result.recipe["writer"] == writing_engine.composer.writer.version
    assert (result.recipe["content"], set(result.recipe["styles"])) == ("notes", set(styles))
    assert "temperature" not in result.recipe
    assert writing_engine.encode(result.notes).latents["groups"] == result.latents["groups"]
    again = writing_engine.generate(ask("again", seed=3, content=tune, styles=styles))
    assert again.notes == result.notes
    own = writing_engine.encode(some_piece().to_json()).latents
    from_latents = ask("latents", seed=3, content=Source(latents=own), styles=styles, locks=Locked(notes=tune.notes))
    assert writing_engine.generate(from_latents).notes == result.notes


@pytest.mark.parametrize(("keep", "held"), [(0.0, [0, 1, 6]), (0.5, [7]), (1.0, [2])])
def test_around_bars_that_stay_the_others_are_written(writing_engine, keep, held):
    tune = some_piece()
    own = writing_engine.encode(tune.to_json())
    content = Source(latents=own.latents)
    wish = {"content": content, "keep": keep, "locks": Locked(bars=held, notes=own.notes)}
    results = [writing_engine.generate(ask(f"{seed}-{time}", seed=seed, **wish)) for seed in (3, 4) for time in (0, 1)]
    pieces = [Piece.from_json(result.notes) for result in results]
    for result, piece in zip(results, pieces, strict=True):
        assert result.recipe["writer"] == writing_engine.composer.writer.version
        assert (list(result.recipe["locks"]["bars"]), result.recipe.get("keep", 1.0)) == (held, keep)
        assert writing_engine.encode(result.notes).latents["groups"] == result.latents["groups"]
        for bar in held:
            assert piece.window(bar, 1).notes.tolist() == Piece.from_json(own.notes).window(bar, 1).notes.tolist()
    assert results[0].notes == results[1].notes
    assert results[0].notes != results[2].notes


@pytest.mark.parametrize(
    "other",
    [{"keep": 0.5}, {"styles": 1}, {"styles": 0}, {"content": "latents"}, {"content": "nothing"}],
    ids=["drawn anew", "one style", "no style", "no notes", "from nothing"],
)
def test_what_latents_say_is_written(writing_engine, other):
    tune, donor = Source(notes=some_piece().to_json()), Source(notes=some_piece(seed=4).to_json())
    styles = dict.fromkeys(("texture", "harmony", "register")[: other.pop("styles", 3)], donor)
    content = {"latents": Source(latents=writing_engine.encode(tune.notes).latents), "nothing": None}
    given = {"content": content.get(other.pop("content", ""), tune), "styles": styles, **other}
    result = writing_engine.generate(ask("x", **given))
    assert result.recipe["writer"] == writing_engine.composer.writer.version
    assert writing_engine.encode(result.notes).latents["groups"] == result.latents["groups"]
    assert writing_engine.generate(ask("again", **given)).notes == result.notes


def test_a_melody_stays_below_which_the_rest_is_written_with_what_is_borrowed(writing_engine):
    tune, donor = some_piece(), Source(notes=some_piece(seed=4).to_json())
    locks = Locked(bars=[1], melody=True)
    result = writing_engine.generate(
        ask("x", keep=0.5, content=Source(notes=tune.to_json()), styles={"rhythm": donor}, locks=locks)
    )
    stays = in_melody(tune) | (tune.notes[:, 0] // 96 == 1)
    assert {tuple(note) for note in tune.notes[stays].tolist()} <= {tuple(note) for note in result.notes["notes"]}
    assert result.recipe["writer"] == writing_engine.composer.writer.version


def test_sampling_that_is_asked_for_is_sampled_so(writing_engine):
    content = Source(notes=some_piece().to_json())
    cold = [writing_engine.generate(ask(f"{s}", seed=s, content=content, temperature=0.0)).notes for s in (1, 2)]
    warm = [writing_engine.generate(ask(f"w{s}", seed=s, content=content)).notes for s in (1, 2)]
    assert cold[0] == cold[1]
    assert warm[0] != warm[1]


def test_what_nobody_waits_for_ends_at_the_next_step_and_lets_the_next_one_in(writing_engine, monkeypatch):
    monkeypatch.setattr(drawing, "POLL_S", 0.0)
    looks = []

    def leaves() -> bool:
        looks.append(len(looks))
        return len(looks) < 4

    with pytest.raises(NobodyWaits):
        writing_engine.play_on(some_piece().to_json(), 8, 1, waits=leaves)
    assert len(looks) == 4  # in the middle of it
    for write in (
        lambda: writing_engine.drafts("pop", 1, 1, waits=leaves),
        lambda: writing_engine.drafts("pop", 200, 1, waits=leaves),
    ):
        looks.clear()
        with pytest.raises(NobodyWaits):
            write()
        assert len(looks) == 4  # in the middle of the first of them
    assert writing_engine.drafts("pop", 1, 1).drafts


def test_bars_that_are_played_on_are_regular_where_that_is_asked_for_over_the_wire(writing_engine):
    with served(create_app(writing_engine)) as url:
        remote = RemoteGenerator(url)
        free, regular = (
            Piece.from_json(remote.play_on(some_piece().to_json(), 12, 1, regular=each).notes) for each in (False, True)
        )
        remote.close()
    assert len(np.unique(free.bars[:, 1:], axis=0)) > 1
    assert len(np.unique(regular.bars[:, 1:], axis=0)) == 1


def test_what_is_written_for_cancelled_requests_ends_and_lets_the_next_one_in(writing_engine, monkeypatch):
    monkeypatch.setattr(drawing, "POLL_S", 0.0)
    begun, excerpts, steps = threading.Event(), Writer.excerpts, []

    def slowly(self, *given, between, **named):
        def step():
            begun.set()
            steps.append(1)
            time.sleep(0.05)
            between()

        return excerpts(self, *given, between=step, **named)

    monkeypatch.setattr(Writer, "excerpts", slowly)
    writing_engine.submit(ask("left", seed=1))
    assert begun.wait(20)
    assert writing_engine.cancel("left")
    monkeypatch.setattr(Writer, "excerpts", excerpts)
    assert writing_engine.generate(ask("next", seed=2)).notes
    assert len(steps) < 20


def test_who_leaves_before_the_answer_leaves_no_work_behind(writing_engine, monkeypatch):
    wrote, play_on, begun = [], Writer.play_on, threading.Event()

    def slowly(self, *given, between, **named):
        def step():
            wrote.append(1)
            begun.set()
            time.sleep(0.05)
            between()

        return play_on(self, *given, between=step, **named)

    monkeypatch.setattr(Writer, "play_on", slowly)
    with served(create_app(writing_engine)) as url:
        body = json.dumps({"notes": some_piece().to_json(), "bars": 64, "seed": 1})
        leaving = HTTPConnection(url.removeprefix("http://"))
        leaving.request("POST", "/v1/play_on", body, {"Content-Type": "application/json"})
        assert begun.wait(60)
        leaving.close()
        while writing_engine._writing.locked():
            time.sleep(0.05)
        assert 0 < len(wrote) < 100  # and not to the end of 64 bars
        wrote.clear()
        remote = RemoteGenerator(url)
        with heeding(lambda: not wrote), pytest.raises(NobodyWaits):
            remote.play_on(some_piece().to_json(), 64, 1)
        while writing_engine._writing.locked():
            time.sleep(0.05)
        assert 0 < len(wrote) < 100
        begun.clear()
        closing = threading.Thread(target=lambda: begun.wait(60) and remote.close())
        closing.start()
        with pytest.raises(GeneratorUnavailable, match="closed"):
            remote.play_on(some_piece().to_json(), 64, 1)
        closing.join()
        with pytest.raises(GeneratorUnavailable, match="closed"):
            remote.encode(some_piece().to_json())


@pytest.mark.slow
def test_a_piece_is_played_on_in_a_mood_where_the_piece_model_knows_of_moods(writing_engine):
    def played_on(wished: Mood | None = None):
        return writing_engine.play_on(some_piece().to_json(), 2, 1, "", wished).notes

    happy = Mood(valence=1, arousal=1)
    assert played_on(happy) == played_on()
    told = tiny_pieces(moods=True, latents=OF_TINY_STYLE)
    torch.nn.init.normal_(told.model.conditions.weight, std=0.5)
    writing_engine.composer.writer = Writer(told)
    assert played_on(happy) == played_on(happy)
    assert played_on(happy) != played_on(Mood(valence=-1, arousal=-1)) != played_on()


def test_drafts_lean_to_a_mood_where_the_piece_model_knows_of_moods(writing_engine):
    def drafted(wished: Mood | None = None):
        return writing_engine.drafts("pop", 2, 7, wished).drafts

    sad, happy = Mood(valence=-1, arousal=-1), Mood(valence=1, arousal=1)
    assert drafted(sad) == drafted()
    told = tiny_pieces(moods=True, latents=OF_TINY_STYLE)
    torch.nn.init.normal_(told.model.conditions.weight, std=0.5)
    writing_engine.composer.writer = Writer(told)
    assert drafted(sad) == drafted(sad)
    assert drafted(sad) != drafted(happy) != drafted()
    assert len(drafted(sad)) == 2


def test_a_trained_writer_drafts_from_the_same_places_on_where_it_has_learned_to(writing_engine, tmp_path):
    with pytest.raises(BadRequest, match="has no trained writer"):  # what is shipped learned on another writer
        writing_engine.drafts("pop", 1, 7, trained=True)
    plain = writing_engine.drafts("pop", 2, 7).drafts
    folder = tiny_agent(tmp_path, writing_engine.composer.writer)
    writing_engine.trained = companions.TrainedWriter(writing_engine.composer, folder)
    with served(create_app(writing_engine)) as url:
        remote = RemoteGenerator(url)
        trained = remote.drafts("pop", 2, 7, trained=True).drafts
        with pytest.raises(BadRequest, match="no trained writer was shipped for chorale; one writes pop"):
            remote.drafts("chorale", 1, 7, trained=True)
        remote.close()
    assert trained == writing_engine.drafts("pop", 2, 7, trained=True).drafts
    for one, other in zip(trained, plain, strict=True):
        assert one["notes"] != other["notes"]
        written, usual = one["latents"]["piece"], other["latents"]["piece"]
        assert written["bars_before"] == usual["bars_before"]
        assert written["writer"].startswith("agent-tiny-1-")
    assert writing_engine.drafts("pop", 2, 7).drafts == plain


@pytest.mark.slow
def test_of_some_ways_on_in_a_mood_the_judges_nearest_is_taken_and_the_first_without_judges(
    writing_engine, monkeypatch
):
    writer = writing_engine.composer.writer = Writer(tiny_pieces(moods=True, latents=OF_TINY_STYLE))
    sad = Mood(valence=-1, arousal=-1)
    ways = writer.play_on(some_piece(), 2, count=OF_A_MOOD, seed=1, mood=(-1, -1))
    away = [
        np.hypot(heard.valence + 1, heard.arousal + 1)
        for heard in writing_engine.moods([piece.to_json() for piece in ways]).moods
    ]
    assert len(set(away)) == OF_A_MOOD
    taken = writing_engine.play_on(some_piece().to_json(), 2, 1, "", sad).notes
    assert taken == ways[int(np.argmin(away))].to_json()

    def missing():
        raise OSError("no such file")

    monkeypatch.setattr(companions, "load_mood", missing)
    writing_engine.mood = companions.MoodJudges()
    assert writing_engine.play_on(some_piece().to_json(), 2, 1, "", sad).notes == ways[0].to_json()


def test_who_waits_for_a_clip_does_not_wait_for_longer_work(writing_engine):
    given = writing_engine.encode(some_piece().to_json()).latents
    with writing_engine._writing:  # somebody writes something long
        for content in (None, Source(latents=given)):
            assert writing_engine.generate(ask(f"content {content is not None}", content=content)).notes


def test_while_a_clip_is_written_longer_work_leaves_time_to_it(writing_engine, monkeypatch):
    yielded = []
    monkeypatch.setattr(engine_module.time, "sleep", yielded.append)
    alone = writing_engine.play_on(some_piece().to_json(), 2, 1).notes
    assert yielded == []
    monkeypatch.setattr(writing_engine, "_running", ["a clip"])
    assert writing_engine.play_on(some_piece().to_json(), 2, 1).notes == alone
    assert len(yielded) > 2
    assert set(yielded) == {engine_module.YIELDED_SECONDS}
