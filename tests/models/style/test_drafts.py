"""What comes from nothing: written openings and their latents, prior draws where nothing can be written.

Drafts that come with the weights: of the models that are shipped, and music that may be offered.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

from models.mood.steering import Dials
from models.music.notes import DOMAINS
from models.style import drafting
from models.style.bundle import SHIPPED_STYLE, read_card
from models.style.checkpoint import load_style, tiny_style
from models.style.compose import METER_NAMES, Composer
from models.style.drafting import draft_each, draft_many, play_each
from models.style.drafts import (
    BEFORE,
    ENDING,
    FIRST,
    Draft,
    as_latents_say,
    first_drafts,
    load_drafts,
    save_drafts,
)
from models.style.fingerprint import rejection_reason
from models.style.harmonies import CLEARLY, GROUP, NEAREST, Harmonies, file_of, harmonies
from models.style.latents import BARS, TOLD_GROUPS
from models.style.pieces.model import OF_TINY_STYLE, tiny_pieces
from models.style.pieces.sampling import Writer
from models.train import first_drafts as command

MEGABYTES = 6


@pytest.fixture(scope="module")
def version() -> str:
    return read_card(SHIPPED_STYLE)["version"]


def test_they_are_of_the_models_that_are_shipped(version):
    card = json.loads((FIRST / "card.json").read_text())
    made_with = (card["version"], card["writer"])
    assert made_with == (version, Writer.load("pieces-latents").version), "draw them again, as their README says"
    assert sum(path.stat().st_size for path in FIRST.iterdir()) <= MEGABYTES * 1_000_000


@pytest.mark.parametrize("domain", DOMAINS)
def test_they_are_written_all_different_and_may_be_offered(domain, version):
    drafts = first_drafts(domain, version)
    assert len(drafts) == 256
    assert len({each.notes.notes.tobytes() for each in drafts if each.notes}) == 256
    assert all(each.notes is not None and len(each.notes.bars) == BARS for each in drafts)
    assert {each.latents.version for each in drafts} == {version}
    assert not any(rejection_reason(each.notes) for each in drafts if each.notes)
    assert 0 < sum(each.opens for each in drafts) < len(drafts)
    assert all(BEFORE in each.latents.piece for each in drafts)


def test_harmonies_come_with_them_for_either_valence(version):
    lent = harmonies("pop", version)
    assert lent.latents.shape == (len(lent.valence), BARS, lent.latents.shape[2])
    assert np.isfinite(lent.latents).all()
    for valence in (-0.8, 0.8):
        drawn = lent.drawn(valence, [(seed, 0) for seed in range(200)])
        assert drawn == lent.drawn(valence, [(seed, 0) for seed in range(200)])
        assert len(set(drawn)) == NEAREST
        assert (lent.valence[drawn] * np.sign(valence) >= CLEARLY).all()


def test_another_model_has_none(version, tmp_path):
    assert first_drafts("pop", "another-1") == []
    assert harmonies("pop", "another-1") is harmonies("chorale", version) is None
    assert first_drafts("pop", version, tmp_path) == []


def test_a_file_that_is_not_of_drafts_is_told_by_its_name(version, tmp_path):
    (tmp_path / "card.json").write_text(json.dumps({"version": version}))
    (tmp_path / f"pop{ENDING}").write_bytes(b"no drafts")
    file_of("pop", tmp_path).write_bytes(b"no harmonies")
    with pytest.raises(ValueError, match=r"pop\.safetensors can't be read as drafts"):
        first_drafts("pop", version, tmp_path)
    with pytest.raises(ValueError, match=r"pop_harmonies\.safetensors can't be read as harmonies"):
        harmonies("pop", version, tmp_path)


def test_the_command_lends_harmonies_of_drafts_turned_to_the_mode_that_the_judge_hears(version, tmp_path, capsys):
    drafts = first_drafts("pop", version)[:4]
    save_drafts(tmp_path / f"pop{ENDING}", drafts)
    (tmp_path / "card.json").write_text(json.dumps({"version": version}))
    command.main(["--out", str(tmp_path), "--harmonies"])
    count = json.loads(capsys.readouterr().out.splitlines()[-1])["harmonies"]
    lent = harmonies("pop", version, tmp_path)
    assert count == {"pop": len(lent.valence)}
    assert 0 < len(lent.valence) <= 2 * len(drafts)
    assert (np.abs(lent.valence) >= CLEARLY - 1e-3).all()
    composer = Composer(load_style(SHIPPED_STYLE))
    turned = [Dials(major=mode).turned(each.notes) for mode in (1, -1) for each in drafts]
    own = np.stack([composer.encode(each).groups[GROUP] for each in turned])
    away = np.abs(lent.latents[:, None] - own[None]).max((2, 3)).min(1)
    assert away.max() < 0.01  # float16


@pytest.mark.usefixtures("all_may_be_offered")
def test_what_is_written_in_a_clear_mood_is_told_a_harmony_of_its_valence_and_its_meter(writing, monkeypatch):
    told = tiny_pieces(moods=True, latents=OF_TINY_STYLE)
    monkeypatch.setattr(writing, "writer", Writer(told))
    dims = OF_TINY_STYLE[TOLD_GROUPS.index(GROUP)]
    valence = np.linspace(-1, 1, 100, dtype=np.float32)
    lent = np.repeat(valence, BARS * dims).reshape(100, BARS, dims)
    three_four = METER_NAMES.index("3/4")
    known = Harmonies(lent, valence, np.full(100, three_four))
    monkeypatch.setattr(drafting, "harmonies", lambda domain, version: known)
    excerpts, heard = writing.writer.excerpts, []

    def noted(domain, seeds, bars, places, mood, **named):
        heard.append((places, named["latents"]))
        return excerpts(domain, seeds, bars, places, mood, **named)

    monkeypatch.setattr(writing.writer, "excerpts", noted)
    scale = writing.writer.reader(writing.model).scale.numpy()[sum(OF_TINY_STYLE[: TOLD_GROUPS.index(GROUP)])]
    (draft,) = draft_each(writing, ["pop"], [3], (-0.9, 0.5))
    ((place,), (latents,)) = heard[0]
    assert place.meter == three_four
    assert draft.notes.bars[:, 2:].tolist() == [[3, 4]] * BARS
    assert latents.told[:, TOLD_GROUPS.index(GROUP)].all()
    assert latents.told.sum() == BARS
    assert -1 <= latents.values[latents.values != 0].mean() * scale < 0
    heard.clear()
    for mood in (None, (CLEARLY / 2, 1.0)):
        draft_each(writing, ["pop"], [3], mood)
    assert not any(latents for _, latents in heard)


def test_the_command_draws_the_same_again(composer, tmp_path):
    card = command.draw(composer, tmp_path / "one", 3, seed=5)
    assert (card["version"], card["count"]) == (composer.version, 3)
    command.draw(composer, tmp_path / "again", 3, seed=5)
    for domain in DOMAINS:
        drafts = first_drafts(domain, composer.version, tmp_path / "one")
        save_drafts(tmp_path / "third", drafts)
        again = first_drafts(domain, composer.version, tmp_path / "again")
        third = load_drafts(tmp_path / "third", composer.version)
        assert [each.to_json() for each in drafts] == [each.to_json() for each in again]
        assert [each.to_json() for each in drafts] == [each.to_json() for each in third]
        assert len(drafts) == 3


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
