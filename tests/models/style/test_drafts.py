"""What comes from nothing: written openings and their latents, prior draws where nothing can be written."""

import json

import numpy as np
import pytest

from models.style import drafting
from models.style.checkpoint import tiny_style
from models.style.compose import Composer, as_latents_say
from models.style.drafting import draft_each, draft_many, play_each
from models.style.drafts import Draft


@pytest.fixture(scope="module")
def writing() -> Composer:
    return Composer(tiny_style())


@pytest.fixture
def all_may_be_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafting, "rejection_reason", lambda *_: None)  # untrained models write strange music


def same(one: Draft, other: Draft) -> bool:
    return one.to_json() == other.to_json()


@pytest.mark.usefixtures("all_may_be_offered")
def test_a_draft_has_eight_bars_and_the_latents_of_its_own_notes(writing) -> None:
    (draft,) = draft_each(writing, ["dance"], [5])
    assert draft.notes is not None
    assert (len(draft.notes.bars), draft.latents.bars, draft.latents.piece["domain"]) == (8, 8, "dance")
    encoded = writing.encode(draft.notes)
    assert all(np.array_equal(encoded.groups[name], value) for name, value in draft.latents.groups.items())
    assert draft.latents.piece["writer"] == "tiny-pieces-0"


@pytest.mark.slow
@pytest.mark.usefixtures("all_may_be_offered")
def test_each_seed_has_its_own_draft_whatever_stands_beside_it(writing) -> None:
    together = draft_each(writing, ["pop", "chorale", "pop"], [1, 1, 2])
    alone = [draft_each(writing, [domain], [seed])[0] for domain, seed in (("pop", 1), ("chorale", 1), ("pop", 2))]
    assert all(np.array_equal(a.notes.notes, b.notes.notes) for a, b in zip(together, alone, strict=True))
    assert len({str(each.to_json()["notes"]) for each in together}) == 3
    few, more = draft_many(writing, "pop", 2, 3), draft_many(writing, "pop", 18, 3)
    assert all(same(a, b) for a, b in zip(few, more, strict=False))
    assert len(more) == 18


def test_where_nothing_written_may_be_offered_a_draw_of_the_prior_says_what_is_written(writing, monkeypatch) -> None:
    monkeypatch.setattr(drafting, "rejection_reason", lambda *_: "silent")
    (draft,) = draft_each(writing, ["pop"], [7])
    (said,) = writing.write_surely("pop", [as_latents_say(writing.draw_each(["pop"], [7])[0])], [7])
    assert same(draft, said)


@pytest.mark.usefixtures("all_may_be_offered")
def test_a_draft_plays_as_it_was_written_and_mere_latents_say_what_is_written(writing) -> None:
    (written,) = draft_each(writing, ["pop"], [1])
    near = Draft(writing.sample_near(written.latents, 0.5, "pop", 1, 0)[0])
    heard = play_each(writing, "pop", [written, near], [3, 4], bars=2)
    assert [len(piece.bars) for piece in heard] == [2, 2]
    assert np.array_equal(heard[0].notes, written.notes.window(0, 2).notes)


@pytest.mark.usefixtures("all_may_be_offered")
def test_a_draft_comes_back_as_it_was_stored(writing) -> None:
    for draft in (*draft_each(writing, ["chorale"], [2]), Draft(writing.draw_each(["pop"], [1])[0])):
        again = Draft.from_json(json.loads(json.dumps(draft.to_json())))
        assert same(again, draft)
