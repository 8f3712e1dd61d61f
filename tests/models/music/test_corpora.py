from pathlib import Path

import numpy as np
import pytest

from models.music import corpora
from models.music.corpora import fingerprint, load_pieces, save_pieces
from models.music.notes import MusicError


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "domain"),
    [("oneills1850", "dance"), ("ryansMammoth", "dance"), ("airdsAirs", "dance"), ("bachChorales", "chorale")],
)
def test_what_music21_ships_is_always_there(name: str, domain: str) -> None:
    loaded = corpora.build(name, limit=3)
    assert len(loaded.pieces) == 3
    assert not loaded.broken
    for piece in loaded.pieces:
        assert (piece.domain, piece.source, piece.performed) == (domain, name, False)
        assert piece.piece_id.startswith(f"{name}/")
        assert piece.terms
        assert len(piece.chords) == len(piece.bars)
        assert len(piece.notes) > 20


def test_titles_and_types_of_ryans_are_clean() -> None:
    pieces = corpora.load("ryansMammoth", limit=30)
    assert {p.genre for p in pieces} <= {
        "reel",
        "jig",
        "slip jig",
        "hornpipe",
        "strathspey",
        "clog",
        "highland fling",
        "waltz",
    }
    titles = [title for piece in pieces for title in piece.titles]
    assert len(titles) >= 30
    assert not [t for t in titles if "--" in t or "at:" in t]


def test_a_corpus_is_parsed_once(small_collections: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = small_collections / "cache"
    first = corpora.build("oneills1850", cache)
    (file,) = cache.glob("*.npz")
    with monkeypatch.context() as patch:
        patch.setattr(corpora, "_parsed", lambda *_: pytest.fail("parsed again"))
        again = corpora.build("oneills1850", cache)
    assert len(again.pieces) == len(first.pieces) == 3
    assert again.broken.keys() == first.broken.keys() == {"small:4"}
    for before, after in zip(first.pieces, again.pieces, strict=True):
        assert np.array_equal(before.notes, after.notes)
        assert before.to_json() == after.to_json()
    file.write_bytes(file.read_bytes()[:500])
    assert load_pieces(file) is None  # a damaged cache is as good as none


def test_a_cache_answers_for_its_own_files_only(tmp_path: Path) -> None:
    path = tmp_path / "a.abc"
    path.write_text("X:1")
    before = fingerprint([path])
    path.write_text("X:2")
    assert fingerprint([path]) != before


def test_no_pieces_are_cached_too(tmp_path: Path) -> None:
    save_pieces(tmp_path / "a.npz", [], {"x": "broken"})
    assert load_pieces(tmp_path / "a.npz") == ([], {"x": "broken"})


def test_a_corpus_that_is_not_there_says_where_it_should_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KALLOS_CORPORA", raising=False)
    assert not corpora.registry()["pop1k7"].available
    with pytest.raises(MusicError, match="KALLOS_CORPORA"):
        corpora.load("pop1k7")
    monkeypatch.setenv("KALLOS_CORPORA", str(tmp_path / "nowhere"))
    assert not corpora.registry()["cre"].available
    with pytest.raises(MusicError, match="no corpus is called 'chopin'"):
        corpora.load("chopin")


def test_pop1k7_is_pop_that_was_performed(further_corpora: Path) -> None:
    for piece in corpora.load("pop1k7", limit=5):
        assert (piece.domain, piece.performed) == ("pop", True)
        assert 40 < float(np.median(piece.tempo_bpm)) < 220
        assert (piece.bars[:, 1:] == [96, 4, 4]).all()


def test_emopia_keeps_its_labels_and_says_that_its_bars_mean_nothing(further_corpora: Path) -> None:
    for piece in corpora.load("emopia", limit=5):
        assert piece.extra["quadrant"] in {"Q1", "Q2", "Q3", "Q4"}
        assert piece.extra["bars"] == "unestimated"
        assert piece.extra["split"] in {"train", "val", "test"}
        assert piece.extra["song"] in piece.piece_id


def test_cre_has_types_and_titles(further_corpora: Path) -> None:
    pieces = corpora.load("cre", limit=100)
    assert {p.genre for p in pieces} <= {"reel", "jig", "hornpipe", "polka", "slip jig", "slide"}
    assert not [t for p in pieces for t in p.titles if "(reel)" in t]
