from __future__ import annotations

from webapp.studio.starting_points import StartingPoint
from webapp.studio.tunes import FoundTunes
from webapp.ui import choosing
from webapp.ui.choosing import Asked


def point(**given):
    about = {"title": "", "traits": {}, "name": "clips/1", "collection": "", "rank": None, "composed": False}
    return StartingPoint(**about | {"seconds": None, "audio_url": "/a", "notes_url": "/n", "image_url": None} | given)


def test_a_piece_is_described_by_what_is_most_its_own():
    traits = {"tempo_bpm": -2.0, "mean_pitch": 0.9, "mode": 0.1, "leap": 3.0, "onsets_per_bar": 0.2}
    assert choosing.as_clip(point(traits=traits))["heading"] == "Very slow, high"
    assert choosing.as_clip(point(traits=traits), "harmony")["heading"] == "Moderate harmony, very slow, high"
    assert choosing.as_clip(point())["heading"] == "A piece"


def test_a_piece_says_where_it_comes_from():
    assert choosing.as_clip(point())["detail"] == "new to you"
    assert choosing.as_clip(point(rank=2, composed=True))["detail"] == "your no. 2, composed for you"
    assert choosing.as_clip(point(title="Mine", traits={"mode": 1.0}))["detail"] == "your own file; major"
    assert choosing.as_clip(point(title="A jig", collection="O'Neill's"))["detail"] == "O'Neill's; a piece"


def test_how_many_tunes_there_are_is_told_and_what_to_do_where_there_is_none():
    assert choosing.counted(FoundTunes(["O'Neill's"], 3, []), "reel") == "3 pieces with “reel” in their titles."
    assert choosing.counted(FoundTunes(["O'Neill's"], 1, []), "reel") == "One piece with “reel” in its title."
    none = choosing.counted(FoundTunes(["A", "B", "C"], 0, []), "reel")
    assert none == "No title in A, B or C has “reel” in it. Try fewer words, or a part of one."
    assert "no collection" in choosing.counted(FoundTunes([], 0, []), "x")


def test_pieces_of_one_kind_are_listed_and_a_file_leaves_no_copy_behind(context, stock, live, tmp_path):
    token = context.identity.token(live())
    stock("pop")
    found = choosing.find(context, token, "pop", "", Asked())
    assert len(found.rows) >= 4
    assert found.said == ""
    assert not found.timer["active"]
    waiting = choosing.find(context, token, "chorale", "", Asked())
    assert (waiting.rows, waiting.timer["active"]) == ([], True)
    file = tmp_path / "tune.abc"
    file.write_text("X:1\nT:The Test Jig\nM:6/8\nL:1/8\nK:D\n|:dAF DFA|dAF def|gfe fed|cBA Bcd:|\n", encoding="utf-8")
    assert choosing.bring(context, token, str(file), "dance").title == "The Test Jig"
    assert not file.exists()
