"""Dreams through the real process: followed to the end, ended by hand, refused."""

import io
import uuid
import zipfile
from itertools import pairwise

import numpy as np
import psutil
import pytest

from webapp.listeners import accounts, archive
from webapp.listeners.deletion import delete
from webapp.listeners.export import export
from webapp.rating import dreams, rated_sounds
from webapp.rating.plot import climbed
from webapp.runtime.errors import NotAllowed, NotReady
from webapp.runtime.kept_dreams import KeptDreams
from webapp.ui.pages.dreams import _heard, dream, keep_dream, kept_dream, told

SOMEBODY = uuid.UUID(int=7)
SECONDS = 5.9


def dreaming_children():
    found = []
    for child in psutil.Process().children(recursive=True):
        found += [child] if "webapp.rating.dreaming_process" in child.cmdline() else []
    return found


def test_a_dream_is_followed_to_its_end_and_heard(rating_model):
    seen = list(dreams.follow(SOMEBODY, "both", 3, steps=8, model=str(rating_model)))
    last = seen[-1]
    assert [each.step for each in last.steps] == list(range(9))
    assert all(len(a.steps) <= len(b.steps) for a, b in pairwise(seen))
    assert not any(each.dream for each in seen[:-1])
    rate, samples = _heard(last.trail)
    assert len(samples) / rate == pytest.approx(SECONDS, abs=0.2)
    assert len(climbed(last).data) == 3
    assert "The rating went from" in told(last)
    assert dreaming_children() == []


def test_the_sound_itself_is_dreamt_on_and_a_dream_is_kept_exported_and_deleted_with_its_listener(alone, rating_model):
    listener_id = accounts.create(alone.database)
    token = alone.tokens.give(listener_id)
    *_, last = dreams.follow(listener_id, "naive", 3, steps=5, model=str(rating_model), surface="waveform")
    assert last.steps[-1].p > last.steps[0].p
    rate, samples = _heard(last.dream)
    assert len(samples) / rate == pytest.approx(SECONDS, abs=0.2)
    assert len(_heard(last.trail)[1]) == len(samples)
    assert np.sqrt(np.mean(samples**2)) > 0.01

    with pytest.raises(NotAllowed, match="dream first"):
        keep_dream(alone, token, None)
    assert not kept_dream(alone, token)[0]["visible"]
    said, shown, (_, trail), (_, kept) = keep_dream(alone, token, last)
    assert "Kept" in said
    assert shown["visible"]
    np.testing.assert_array_equal(kept, samples)
    assert len(trail) == len(samples)
    assert not kept_dream(alone, alone.tokens.give(accounts.create(alone.database)))[0]["visible"]
    taken = archive.pack(
        export(alone.database, listener_id), alone.clip_store, archive.kept_by(alone.settings.home, listener_id)
    )
    with zipfile.ZipFile(io.BytesIO(taken)) as file:
        np.testing.assert_array_equal(_heard(file.read("dream/dream.wav"))[1], samples)
        assert file.read("dream/trail.wav") == last.trail
    assert archive.kept_by(alone.settings.home, accounts.create(alone.database)) == {}
    delete(alone.records, listener_id)
    assert archive.kept_by(alone.settings.home, listener_id) == {}
    assert list(KeptDreams(alone.settings.home).home.iterdir()) == []


def test_a_dream_is_ended_by_whose_it_is_alone_and_there_is_one_at_a_time(rating_model):
    dream = dreams.follow(SOMEBODY, "naive", 1, steps=5000, model=str(rating_model))
    next(dream)
    assert len(dreaming_children()) == 1
    with pytest.raises(NotReady, match="another dream"):
        next(dreams.follow(SOMEBODY, "naive", 1, model=str(rating_model)))
    dreams.end(uuid.UUID(int=8))
    assert not next(dream).ended
    dreams.end(SOMEBODY)
    last = list(dream)[-1]
    assert last.ended
    assert last.dream == b""
    assert told(last).startswith("Stopped")
    assert dreaming_children() == []


@pytest.mark.parametrize(
    ("way", "seed", "surface"), [("other", 1, "picture"), ("both", -1, "picture"), ("both", 1, "canvas")]
)
def test_another_way_seed_or_surface_is_refused(way, seed, surface):
    with pytest.raises(NotAllowed, match="naive, regularised"):
        next(dreams.follow(SOMEBODY, way, seed, model="any", surface=surface))


def test_a_dream_whose_time_is_over_says_so_and_another_can_begin(alone, rating_model, monkeypatch):
    monkeypatch.setattr(dreams._dreams, "seconds", 1)
    monkeypatch.setattr(rated_sounds, "model", lambda _: str(rating_model))
    token = alone.tokens.give(accounts.create(alone.database))
    first, *_, last = dream(alone, token, "both", 1)
    assert not first[6]["interactive"]
    assert "It took longer than 1 seconds" in last[0]
    assert last[6]["interactive"]
    assert not last[7]["interactive"]
    assert len(first) == len(last)
    with pytest.raises(NotAllowed, match="other, picture"):
        next(dream(alone, token, "other", 1))
    assert dreaming_children() == []
