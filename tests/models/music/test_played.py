from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from models.music import corpora, played
from models.music.notes import MusicError


def test_titles_are_found_without_case_accents_and_punctuation_the_best_first(
    small_collections: Path,
) -> None:
    def titles(words: str, domain: str = "dance") -> list[str]:
        return [title for title, _ in played.find(words, domain)]

    assert titles("kate") == ["Kate Kearney", "Bonnie Kate", "The Skater"]
    assert titles("KATE bonnie") == ["Bonnie Kate"]
    assert titles("oga") == ["Óga, na Mná"]
    assert titles("cailins") == ["The Cailín's Reel"]
    assert titles("seventh name") == ["A Seventh Name"]
    assert titles("nowhere") == titles("") == titles("!?") == []


def test_only_what_is_asked_for_is_parsed(small_collections: Path) -> None:
    ((_, entry),) = played.find("kate kearney")
    assert (entry.collection, entry.domain) == ("O'Neill's", "dance")
    found, piece = played.read(entry.corpus, entry.name)
    assert found == entry
    assert (piece.source, piece.piece_id, len(piece.bars)) == ("oneills1850", f"oneills1850/{entry.name}", 8)
    with pytest.raises(MusicError, match="has no notes"):
        played.read("oneills1850", "small:4")  # the skater, whose neighbours play
    with pytest.raises(MusicError, match="may be played"):
        played.read("pop1k7", "small:1")


def test_without_collections_nothing_is_found(small_collections: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert played.collections() == ["O'Neill's"]
    for name in played.PLAYED:
        monkeypatch.setitem(corpora.CORPORA, name, replace(corpora.CORPORA[name], pattern="nothing/*.abc"))
    assert played.collections() == []
    assert played.find("kate") == []


def test_a_chorale_is_found_by_its_number() -> None:
    ((title, entry),) = [each for each in played.find("bwv 10.7", "chorale") if each[1].name == "bwv10.7"]
    assert title == "Meine Seel’ erhebt den Herren, BWV 10.7"
    assert (entry.collection, entry.domain) == ("Bach's chorales", "chorale")


def test_a_chorale_is_found_by_its_hymn_and_another_setting_bears_the_same_title() -> None:
    def titles(words: str) -> list[str]:
        return [title for title, entry in played.find(words, "chorale") if entry.domain == "chorale"]

    assert "Aus meines Herzens Grunde, BWV 269" in titles("aus meines herzens grunde")
    assert titles("BWV 269") == titles("269")[:1] == ["Aus meines Herzens Grunde, BWV 269"]
    assert any(title.startswith("Ich dank’ dir, lieber Herre") for title in titles("dank' dir lieber"))
