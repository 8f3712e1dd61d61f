"""Dreams through the real process: followed, left and found again, ended by hand, kept, refused."""

import io
import time
import uuid
import zipfile
from itertools import pairwise

import gradio as gr
import numpy as np
import pytest

from tests.processes import running
from webapp.listeners import accounts, archive
from webapp.listeners.accounts import delete
from webapp.listeners.archive import export
from webapp.rating import dreams, rated_sounds
from webapp.rating.dreams import Order
from webapp.rating.plot import climbed
from webapp.runtime.errors import NotAllowed, NotReady, UnknownListenerError
from webapp.runtime.listener_files import KeptDreams
from webapp.runtime.long_tasks import until_ended
from webapp.ui.pages.dreams import arrive, dream, follow, give_up, keep_dream, kept_dream, told

pytestmark = pytest.mark.slow

SECONDS = 5.9


def begin(context, listener_id, order, model):
    dreams.begin(context.database, context.settings.home, listener_id, order, model=str(model))


def looks(context, listener_id):
    return until_ended(lambda: dreams.look(context.database, context.settings.home, listener_id))


def dreaming_children():
    return running("webapp.rating.dreaming_process")


@pytest.fixture
def somebody(alone, long_tasks, trained_model, monkeypatch):
    """``somebody()`` → a listener and their token, where there is a network."""
    monkeypatch.setattr(rated_sounds, "model", lambda _: str(trained_model))

    def come():
        listener_id = accounts.create(alone.database)
        return listener_id, alone.tokens.give(listener_id)

    return come


def goes_on(shown):
    """Whether a page that shows this has a button to cancel, asks again, and has none to begin."""
    *_, begin, cancel, timer, _ = shown
    assert cancel["visible"] == timer["active"] != begin["interactive"]
    return bool(timer["active"])


def test_a_dream_is_followed_to_its_end_and_heard(alone, somebody, trained_model):
    listener_id, _ = somebody()
    begin(alone, listener_id, Order("both", 3, steps=8), trained_model)
    seen = list(looks(alone, listener_id))
    last = seen[-1]
    assert [each.step for each in last.steps] == list(range(9))
    assert all(len(a.steps) <= len(b.steps) for a, b in pairwise(seen))
    assert not any(each.dream for each in seen[:-1])
    rate, samples = rated_sounds.sound_of(last.trail)
    assert len(samples) / rate == pytest.approx(SECONDS, abs=0.2)
    assert len(climbed(last).data) == 3
    assert "The rating went from" in told(last)
    assert dreaming_children() == []


def test_a_dream_of_the_sound_goes_on_unseen_is_found_again_kept_exported_and_deleted_with_its_listener(
    alone, somebody, trained_model
):
    listener_id, token = somebody()
    assert not goes_on(arrive(alone, token)[3:])
    begin(alone, listener_id, Order("naive", 3, "waveform", steps=8), trained_model)
    next(each for each in looks(alone, listener_id) if each.steps)
    assert len(dreaming_children()) == 1
    chosen, noise, steps, *shown = arrive(alone, token)
    assert (chosen, noise, steps) == (["naive", "waveform"], 3, 8)
    assert goes_on(shown)
    asked_until = time.monotonic() + dreams.SECONDS
    while goes_on(shown):
        assert time.monotonic() < asked_until
        time.sleep(0.1)
        now = follow(alone, token, shown[-1])
        shown = shown if now == gr.skip() else now

    _, _, _, said, climb, plot, sounds, (_, trail), *rest = arrive(alone, token)
    assert "The rating went from" in said
    assert climb["visible"]
    assert len(plot.data) == 2
    assert sounds["visible"]
    assert not goes_on(rest)
    *_, last = looks(alone, listener_id)
    assert last.steps[-1].p > last.steps[0].p
    rate, samples = rated_sounds.sound_of(last.dream)
    assert len(samples) / rate == pytest.approx(SECONDS, abs=0.2)
    assert len(trail) == len(rated_sounds.sound_of(last.trail)[1]) == len(samples)
    assert np.sqrt(np.mean(samples**2)) > 0.01

    assert not kept_dream(alone, token)[0]["visible"]
    said, shown, (_, kept_trail), (_, kept) = keep_dream(alone, token)
    assert "Kept" in said
    assert shown["visible"]
    np.testing.assert_array_equal(kept, samples)
    for heard in (kept_trail, kept_dream(alone, token)[1][1], arrive(alone, token)[7][1]):  # to be heard as before
        np.testing.assert_array_equal(heard, trail)
    assert not kept_dream(alone, alone.tokens.give(accounts.create(alone.database)))[0]["visible"]
    taken = archive.pack(
        export(alone.database, listener_id), alone.clip_store, archive.kept_by(alone.settings.home, listener_id)
    )
    with zipfile.ZipFile(io.BytesIO(taken)) as file:
        np.testing.assert_array_equal(rated_sounds.sound_of(file.read("dream/dream.wav"))[1], samples)
        assert file.read("dream/trail.wav") == last.trail
    assert archive.kept_by(alone.settings.home, accounts.create(alone.database)) == {}
    delete(alone.records, listener_id)
    assert archive.kept_by(alone.settings.home, listener_id) == {}
    assert list(KeptDreams(alone.settings.home).home.iterdir()) == []


def test_nobody_sees_stops_or_keeps_the_dream_of_another(alone, somebody):
    (listener_id, token), (_, stranger) = somebody(), somebody()
    assert goes_on(dream(alone, token, "naive", 1))
    for shown in (arrive(alone, stranger)[3:], follow(alone, stranger, 0)):
        assert shown[0] == ""
        assert not shown[1]["visible"]
        assert not shown[3]["visible"]
        assert not goes_on(shown)
    give_up(alone, stranger)
    with pytest.raises(NotAllowed, match="dream first"):
        keep_dream(alone, stranger)
    with pytest.raises(NotReady, match="another dream"):
        dream(alone, stranger, "naive", 1)
    with pytest.raises(NotReady, match="another dream"):
        dream(alone, token, "naive", 1)
    time.sleep(1)
    assert goes_on(arrive(alone, token)[3:])
    give_up(alone, token)
    *_, last = looks(alone, listener_id)
    assert last.ended
    assert last.dream == b""
    assert told(last).startswith("Stopped")
    assert not goes_on(follow(alone, token, 0))
    assert dreaming_children() == []


def test_a_dream_that_goes_on_ends_when_its_listener_is_deleted(alone, somebody):
    listener_id, token = somebody()
    dream(alone, token, "naive", 1)
    delete(alone.records, listener_id)
    gone_until = time.monotonic() + 20
    while dreaming_children():
        assert time.monotonic() < gone_until
        time.sleep(0.1)
    assert list(KeptDreams(alone.settings.home).home.iterdir()) == []
    assert not goes_on(follow(alone, token, 0))
    with pytest.raises(UnknownListenerError):
        next(looks(alone, listener_id))


def test_another_way_seed_surface_or_number_of_steps_is_refused(alone):
    for order in (Order("other"), Order(seed=-1), Order(surface="canvas"), Order(steps=7), Order(steps=97)):
        with pytest.raises(NotAllowed, match="naive, regularised"):
            begin(alone, uuid.uuid4(), order, "any")


def test_a_dream_whose_time_is_over_says_so_and_another_can_begin(alone, somebody, monkeypatch):
    monkeypatch.setattr(dreams.TASK, "seconds", 1)
    listener_id, token = somebody()
    first = dream(alone, token, "both", 1)
    assert goes_on(first)
    assert list(looks(alone, listener_id))[-1].ended
    shown = follow(alone, token, first[-1])
    assert "It took longer than 1 seconds" in shown[0]
    assert not goes_on(shown)
    assert arrive(alone, token)[3] == shown[0]
    with pytest.raises(NotAllowed, match="other, picture"):
        dream(alone, token, "other", 1)
    assert dreaming_children() == []
