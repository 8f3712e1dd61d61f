"""A piece on its way to a mood: what is kept is nearer, names what it was made from, and obeys locks."""

from __future__ import annotations

import numpy as np
import pytest

from models.style import drafting
from models.style.pieces.model import OF_TINY_STYLE, tiny_pieces
from models.style.pieces.sampling import Writer
from webapp import mood as moods
from webapp.generation.protocol import GeneratorUnavailable, Mood
from webapp.listeners import accounts
from webapp.runtime.errors import NotReady, NotYours, TooMany
from webapp.runtime.limits import Buckets
from webapp.studio import composing
from webapp.studio.pieces import Borrowed, Recipe
from webapp.ui.components.mood_pad import Moods
from webapp.ui.pages.studio import versions

FREE = {"bars": [], "melody": False, "harmony": False, "rhythm": False}
PLAIN = {"toward": None, "styles": {}, "turned": {}, "keep": 1, "locks": FREE, "rules": None, "mood": None, "seed": 0}
NOBODYS = "clips/00000000-0000-0000-0000-000000000001"


@pytest.fixture
def listener(context):
    return accounts.create(context.database)


@pytest.fixture
def clip(stock):
    return f"clips/{stock(clips=4)[0]}"


def away(mood: Mood, target: Mood) -> float:
    return float(np.hypot(mood.valence - target.valence, mood.arousal - target.arousal))


@pytest.fixture
def target(context, listener, clip):
    """Where what the untrained model decodes lies: versions of a clip come nearer to it than the clip is."""
    made = composing.compose(context.studio, listener, Recipe(clip, seed=1))
    return moods.hear(context.studio, listener, made.name)


@pytest.mark.slow
def test_what_is_kept_is_nearer_and_its_recipe_gives_it_again(context, listener, clip, target):
    before = moods.hear(context.studio, listener, clip)
    found = moods.steer(context.studio, listener, Recipe(clip), clip, target)
    assert found is not None
    assert found.before == before
    assert away(found.after, target) < away(before, target)
    assert moods.hear(context.studio, listener, found.piece.name) == found.after
    assert found.piece.recipe.styles or found.piece.recipe.rules
    again = composing.compose(context.studio, listener, found.piece.recipe)
    assert again.notes == found.piece.notes


@pytest.fixture
def asked(context, tiny_composer, monkeypatch) -> list[tuple[float, float]]:
    """The moods for which the generator, which writes, was asked to write."""
    found = []
    drafts = context.generation.drafts

    def noting(domain, count, seed, mood=None):
        found.append((mood.valence, mood.arousal))
        return drafts(domain, count, seed, mood)

    monkeypatch.setattr(context.generation, "drafts", noting)
    monkeypatch.setattr(tiny_composer, "writer", Writer(tiny_pieces(moods=True, latents=OF_TINY_STYLE)))
    monkeypatch.setattr(drafting, "rejection_reason", lambda *_: None)
    return found


@pytest.mark.slow
def test_where_nothing_is_kept_it_is_written_for_the_mood(context, listener, clip, target, asked):
    found = moods.steer(context.studio, listener, Recipe(clip, keep=0.0), clip, target)
    assert asked == [(target.valence, target.arousal)] * moods.OF_A_MOOD
    if found:
        assert found.piece.recipe.mood == (target.valence, target.arousal)
        again = composing.compose(context.studio, listener, found.piece.recipe)
        assert again.notes == found.piece.notes
    asked.clear()
    borrowing = Recipe(clip, keep=0.0, styles={"rhythm": Borrowed(clip)})
    moods.steer(context.studio, listener, borrowing, clip, target)
    assert not asked  # something is to be heard of it


@pytest.mark.slow
def test_where_none_is_nearer_nothing_is_kept(context, listener, clip, monkeypatch):
    here = moods.hear(context.studio, listener, clip)
    monkeypatch.setattr(composing, "keep", None)  # whoever keeps something fails
    assert moods.steer(context.studio, listener, Recipe(clip), clip, here) is None


def test_another_listeners_piece_is_not_heard_and_silence_of_the_judges_is_said(context, listener, clip, monkeypatch):
    with pytest.raises(NotYours):
        moods.hear(context.studio, listener, NOBODYS)
    with pytest.raises(NotYours):
        moods.steer(context.studio, listener, Recipe(NOBODYS), NOBODYS, Mood(valence=1, arousal=1))

    def silent(_):
        raise GeneratorUnavailable("down")

    monkeypatch.setattr(context.generation, "moods", silent)
    with pytest.raises(NotReady, match="nothing is lost"):
        moods.hear(context.studio, listener, clip)


@pytest.mark.slow
def test_rules_can_not_change_notes_that_are_locked(studio, clip):
    asked = {"content": clip, "rules": {"major": -1, "tempo": 0.8}}
    made = studio.post("/api/studio/pieces", json=asked)
    assert made.status_code == 201, made.text
    assert made.json()["recipe"]["rules"] == {"tempo": 0.8, "major": -1, "semitones": 0, "spread": 0, "velocity": None}
    locked = studio.post("/api/studio/pieces", json={**asked, "locks": {"melody": True}})
    assert locked.status_code == 422
    assert "unlock bars and melody" in locked.text
    wrong = studio.post("/api/studio/pieces", json={**asked, "rules": {"tempo": 9}})
    assert wrong.status_code == 422


@pytest.mark.slow
def test_over_http_a_piece_is_judged_and_moved(studio, clip, target):
    heard = studio.get(f"/api/moods/{clip}").json()
    moved = studio.post("/api/moods", json={"content": clip, **target.model_dump()})
    assert moved.status_code == 201, moved.text
    told = moved.json()
    assert told["before"] == heard
    assert studio.get(f"/api/moods/{told['piece']['name']}").json() == told["after"]
    assert studio.get(f"/api/moods/{NOBODYS}").status_code == 404
    assert studio.post("/api/moods", json={"content": clip, "valence": 3, "arousal": 0}).status_code == 422


@pytest.mark.slow
def test_the_desk_hears_what_lies_on_it_once_and_takes_what_was_found(context, listener, clip, target):
    token = context.identity.token(listener)
    shown = {"old": {"name": clip}, "piece": None, "recipe": PLAIN, "link": "", "fixed": False}
    found, told = versions.hear(context, token, shown, None)
    assert isinstance(found, Moods)
    assert "The old one sounds" in told
    value = {"names": list(found.names), "target": None}
    assert "old" not in str(versions.hear(context, token, shown, value))
    _, order, _ = versions.steer(context, token, shown, {**value, "target": [target.valence, target.arousal]})
    assert (order["do"], order["of"]) == ("take", clip)
    said, order, there = versions.steer(context, token, {**shown, "fixed": True}, {**value, "target": [1, 1]})
    assert "somebody else" in said
    assert there["target"] is None
    with pytest.raises(NotReady, match="still being put"):
        versions.steer(context, token, {"do": "open"}, value)


@pytest.mark.slow
def test_with_the_melody_locked_only_styles_are_borrowed(context, listener, clip, target):
    recipe = Recipe.from_json({"content": clip, "styles": {}, "seed": 0, "locks": {**FREE, "melody": True}})
    found = moods.steer(context.studio, listener, recipe, clip, target)
    assert found is None or (found.piece.recipe.rules is None and "harmony" not in found.piece.recipe.styles)


def test_the_lenders_are_the_clips_that_everybody_may_hear(context, listener, stock):
    mine, own = stock(clips=2), stock(clips=1, composed_for=listener)
    known = moods.of_pool(context.studio, "pop")
    assert set(known) == set(mine)
    assert own[0] not in known


@pytest.mark.slow
def test_who_asks_without_end_has_to_wait_though_nothing_was_kept(context, listener, clip, monkeypatch):
    here = moods.hear(context.studio, listener, clip)
    monkeypatch.setattr(moods, "_asked", Buckets(0.001, 2))
    for _ in range(2):
        moods.steer(context.studio, listener, Recipe(clip), clip, here)
    with pytest.raises(TooMany, match="wait"):
        moods.steer(context.studio, listener, Recipe(clip), clip, here)
    other = accounts.create(context.database)
    moods.steer(context.studio, other, Recipe(clip), clip, here)
