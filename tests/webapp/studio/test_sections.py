from __future__ import annotations

import uuid
from dataclasses import replace

import numpy as np
import pytest

from db.queries.clips import get_clip
from db.tables import WHOLE, Clip
from models.music.notes import Piece
from models.style.drafts import Draft
from models.style.latents import Latents
from webapp.composing import clip_maker, playing_on, whole_pieces
from webapp.generation.protocol import DraftsResult, GenerateResult
from webapp.listeners import accounts
from webapp.runtime.errors import NotAllowed, NotYours
from webapp.studio import composing, pieces, sections
from webapp.studio.pieces import Recipe
from webapp.ui.pages import studio as page
from webapp.ui.pages.studio import whole_piece
from webapp.worker import HANDLERS, Worker

pytestmark = pytest.mark.slow


@pytest.fixture
def listener(context):
    return accounts.create(context.database)


@pytest.fixture
def whole(context, listener, tune, tiny_composer, monkeypatch):
    """A whole piece of the listener's, of 19 bars; what an untrained model makes of them may be offered."""
    monkeypatch.setattr(clip_maker, "rejection_reason", lambda *_: None)
    piece = tune.followed_by(tune.transposed(2)).followed_by(tune.window(0, 3))
    result = GenerateResult(
        id="whole", notes=replace(piece, source="composed").to_json(), latents=tiny_composer.encode(tune).to_json(),
        recipe={"bars": 8, "played_on": 11}, model_version=context.space.version, queue_ms=0, decode_ms=0,
    )  # fmt: skip
    return context.clip_maker.keep(result, "pop", listener, WHOLE, whole=True).clip_id


def work(context) -> None:
    worker = Worker(context, {whole_pieces.KIND: HANDLERS[whole_pieces.KIND]})
    while worker.step(look=False):
        pass


def clip_of(context, clip_id):
    return context.database.transaction(lambda session: get_clip(session, clip_id))


def piece_of(context, clip_id) -> Piece:
    return Piece.from_json(clip_of(context, clip_id).notes)


def test_a_changed_section_goes_back_and_the_others_stay(context, listener, whole):
    old = piece_of(context, whole)
    opened = sections.open_section(context.studio, listener, whole, 8)
    found = sections.timeline(context.studio, listener, opened.name)
    assert [each.place.first for each in found.sections] == [0, 8, 16]
    assert [each.name for each in found.sections][:2] == ["1–8", "9–16"]
    assert (found.whole, found.here) == (whole, 8)
    made = composing.compose(context.studio, listener, Recipe(opened.name, seed=3, keep=0.0))
    new = sections.put_back(context.clip_maker, listener, uuid.UUID(made.name.partition("/")[2]))
    now, there = piece_of(context, new), clip_of(context, new)
    assert len(now.bars) == len(old.bars)
    for first, bars in ((0, 8), (16, len(old.bars) - 16)):
        assert np.array_equal(now.window(first, bars).notes, old.window(first, bars).notes)
    assert not np.array_equal(now.window(8, 8).notes, old.window(8, 8).notes)
    assert now.piece_id == old.piece_id
    assert there.recipe["changed"] == [[8, 8]]
    assert [piece.id for piece in whole_pieces.programme(context.database, listener).pieces] == [whole, new]
    again = sections.open_section(context.studio, listener, new, 0)
    assert sections.timeline(context.studio, listener, again.name).whole == new


@pytest.mark.parametrize(
    ("domain", "bars", "recipe", "names"),
    [
        ("pop", 18, {"form": "AAB"}, ["A: 1–8", "A: 9–16", "B: 17–18"]),  # heard, so many bars each
        ("pop", 18, {"form": "AAB", "in_form": True}, ["A: 1–6", "A: 7–12", "B: 13–18"]),
        ("dance", 24, {"form": "AABB"}, ["A: 1–6", "A: 7–12", "B: 13–18", "B: 19–24"]),  # asked of every tune
        ("chorale", 10, {"form": "ABA"}, ["A: 1–4", "B: 5–8", "A: 9–10"]),
        ("pop", 18, {"form": "AB"}, ["1–8", "9–16", "17–18"]),
        ("chorale", 10, {}, ["1–8", "9–10"]),
    ],
)
def test_letters_name_the_bars_that_were_asked_for_or_heard_so(tune, domain, bars, recipe, names):
    piece = tune.followed_by(tune).followed_by(tune).window(0, bars)
    clip = Clip(id=uuid.uuid4(), domain=domain, notes=piece.to_json(), recipe=recipe)
    assert [each.name for each in sections._sections(clip)] == names


def test_a_note_that_rings_into_the_new_section_ends_where_its_pitch_begins_again(tune):
    held = replace(tune, notes=np.array([[0, 144, 60, 70], [192, 24, 60, 70]]), bars=tune.bars[:4], tempo_bpm=[100] * 4)
    new = replace(tune.window(0, 1), notes=np.array([[0, 24, 60, 80]]))
    spliced = sections._spliced(held, sections.Place(uuid.uuid4(), 1, 1), new)
    assert spliced.notes.tolist() == [[0, 96, 60, 70], [96, 24, 60, 80], [192, 24, 60, 70]]


@pytest.mark.parametrize(("bars", "meter"), [("2 bars", 4), ("1 bar", 3)])
def test_what_has_other_bars_than_the_section_is_not_put_back(tune, bars, meter):
    count = int(bars[0])
    new = replace(tune.window(0, count), notes=np.array([[0, 24, 60, 80]]))
    new = replace(new, bars=np.array([[meter * 24 * bar, meter * 24, meter, 4] for bar in range(count)]))
    with pytest.raises(NotAllowed, match=f"this has {bars} in {meter}/4, and the section has 1 bar in 4/4"):
        sections._spliced(tune, sections.Place(uuid.uuid4(), 1, 1), new)


def test_what_is_written_for_a_mood_in_a_sections_place_is_as_long_and_in_its_meter(
    context, listener, whole, tune, monkeypatch
):
    waltz = replace(tune, bars=np.array([[bar * 72, 72, 3, 4] for bar in range(8)]), notes=tune.notes[:24])
    new = tune.transposed(1)
    written, seeds = iter([waltz, new]), []

    def drafts(_domain, _count, seed, _mood):
        encoded = context.generation.encode(next(written).to_json())
        seeds.append(seed)
        draft = Draft(Latents.from_json(encoded.latents), Piece.from_json(encoded.notes))
        return DraftsResult(drafts=[draft.to_json()], model_version=encoded.model_version)

    monkeypatch.setattr(context.generation, "drafts", drafts)
    opened = sections.open_section(context.studio, listener, whole, 16)
    made = composing.compose(context.studio, listener, Recipe(opened.name, seed=3, keep=0.0, mood=(0.5, -0.5)))
    assert np.array_equal(pieces.source_of(context.studio, listener, made.name).piece.notes, new.window(0, 3).notes)
    assert len(set(seeds)) == 2
    back = sections.put_back(context.clip_maker, listener, uuid.UUID(made.name.partition("/")[2]))
    assert np.array_equal(piece_of(context, back).bars, piece_of(context, whole).bars)


def test_what_is_composed_from_what_was_composed_still_knows_its_place(context, listener, whole):
    opened = sections.open_section(context.studio, listener, whole)
    name = opened.name
    for seed in (1, 2):
        name = composing.compose(context.studio, listener, Recipe(name, seed=seed, keep=0.5)).name
    assert sections.timeline(context.studio, listener, name).here == 0


def test_a_section_that_is_not_there_or_nobodys_is_refused(context, listener, whole, stock):
    with pytest.raises(NotAllowed, match="sections begin with 0, 8, 16"):
        sections.open_section(context.studio, listener, whole, 5)
    other = accounts.create(context.database)
    with pytest.raises(NotYours, match="of yours"):
        sections.open_section(context.studio, other, whole)
    (clip_id,) = stock("pop", 1)
    with pytest.raises(NotYours):
        sections.open_section(context.studio, listener, clip_id)
    made = composing.compose(context.studio, listener, Recipe(f"clips/{clip_id}", seed=1, keep=0.0))
    with pytest.raises(NotYours, match="made from no section"):
        sections.put_back(context.clip_maker, listener, uuid.UUID(made.name.partition("/")[2]))
    assert sections.timeline(context.studio, listener, made.name) is None


def test_the_page_leads_from_section_to_section_and_back_into_the_whole(context, listener, whole):
    token = context.identity.token(listener)
    opened = page._opened_clip(context, listener, whole)
    assert opened.desk["old"]["section"] == 0
    assert opened.room["visible"]
    assert opened.section["value"] == f"{whole}/0"
    assert [row["id"] for row in opened.heard["rows"]] == [str(whole)]
    second = page.choose_section(context, token, f"{whole}/8")
    old = second.desk["old"]
    made = composing.compose(context.studio, listener, Recipe(old["name"], seed=3, keep=0.0))
    _, _, section, heard = whole_piece.put_back(context, token, {"old": old, "piece": {"name": made.name}})
    new = heard["rows"][0]["id"]
    assert new != str(whole)
    assert heard["play"] > 0
    assert section["value"] == f"{new}/8"


def test_a_piece_of_the_studio_is_played_on_to_a_whole(context, listener, whole, monkeypatch):
    monkeypatch.setattr(playing_on, "GOES_ON", {"pop": 2, "dance": 2, "chorale": 2})
    opened = sections.open_section(context.studio, listener, whole, 8)
    found = whole_pieces.ask(context.database, context.journal, listener, opened.name)
    assert (found.coming, found.sounds) == ("waiting", False)
    work(context)
    made = whole_pieces.programme(context.database, listener).pieces[-1]
    assert made.recipe["piece"] == opened.name.partition("/")[2]
    played = piece_of(context, made.id)
    assert played.piece_id == ""
    assert len(played.bars) > 8
