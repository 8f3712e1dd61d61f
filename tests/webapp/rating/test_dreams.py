"""Dreams through the real process: followed to the end, ended by hand, refused."""

import uuid
from itertools import pairwise

import psutil
import pytest

from webapp.rating import dreams
from webapp.rating.plot import climbed
from webapp.runtime.errors import NotAllowed, NotReady
from webapp.ui.pages.dreams import _heard, told

SOMEBODY = uuid.UUID(int=7)


def dreaming_children():
    found = []
    for child in psutil.Process().children(recursive=True):
        found += [child] if "webapp.rating.dreaming_process" in child.cmdline() else []
    return found


def test_a_dream_is_followed_to_its_end_and_heard(rating_model):
    seen = list(dreams.follow(SOMEBODY, "both", 3, steps=16, model=str(rating_model)))
    last = seen[-1]
    assert [each.step for each in last.steps] == list(range(17))
    assert all(len(a.steps) <= len(b.steps) for a, b in pairwise(seen))
    assert not any(each.dream for each in seen[:-1])
    rate, samples = _heard(last.trail)
    assert len(samples) / rate == pytest.approx(8, abs=0.2)
    assert len(climbed(last).data) == 3
    assert "The rating went from" in told(last)
    assert dreaming_children() == []


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


@pytest.mark.parametrize(("way", "seed"), [("other", 1), ("both", -1)])
def test_another_way_or_seed_is_refused(way, seed):
    with pytest.raises(NotAllowed, match="naive, regularised"):
        next(dreams.follow(SOMEBODY, way, seed, model="any"))
