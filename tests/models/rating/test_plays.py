"""

What likes depend on beside the sound, in listenings of which that is known.
"""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from models.music import corpora
from models.music.midi import write_midi
from models.rating.crossfit import evenly
from models.rating.material import load_material
from models.rating.plays import BIASES, PlaysError, biases, read_all_plays, read_plays, save_biases, target
from models.rating.sound import FRAMES_A_SECOND, log_mel, read_sound
from tests.models.rating.conftest import TRACKS

HEAD = "track id,genre,liked,age,mother tongue"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """60 tracks of two genres, jazz liked more often; Danes like every track .3 more often, and hear more jazz."""
    rng = np.random.default_rng(0)
    lines = [HEAD]
    for track in range(60):
        genre, likes = ("jazz", 0.5) if track < 30 else ("rock", 0.2)
        for listening in range(30):
            tongue = "Danish" if listening % 3 == 0 or (genre == "jazz" and listening % 3 == 1) else "Finnish"
            liked = rng.random() < likes + 0.3 * (tongue == "Danish")
            lines.append(f"{track},{genre},{int(liked)},{20 + listening},{tongue}")
    (tmp_path / "ratings.csv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def test_people_are_compared_on_the_tracks_that_both_heard(folder: Path) -> None:
    found = {(each.by, each.group): each for each in biases(folder)}
    danish, jazz, rock = (found[key] for key in (("mother tongue", "Danish"), ("genre", "jazz"), ("genre", "rock")))
    assert danish.more is not None
    assert danish.more_low is not None
    assert danish.more_high is not None
    assert danish.more_low < 0.3 < danish.more_high
    assert danish.liked - found["mother tongue", "Finnish"].liked > danish.more + 0.05  # they heard more jazz
    assert jazz.low > rock.high
    assert sum(each.n for key, each in found.items() if key[0] == "age") == 60 * 30
    assert abs(found["age", "under 25"].more or 1) < 0.1


def test_they_are_kept_beside_the_weights_with_what_they_are_of(folder: Path, tmp_path: Path) -> None:
    save_biases(folder, tmp_path)
    kept = json.loads((tmp_path / BIASES).read_text(encoding="utf-8"))
    assert len(kept["data"]) == 16
    assert [each["group"] for each in kept["biases"] if each["by"] == "genre"] == ["jazz", "rock"]


def test_a_folder_without_listenings_tells_none(tmp_path: Path) -> None:
    with pytest.raises(PlaysError, match="has no ratings"):
        biases(tmp_path)


def touch_sounds(folder, names: str) -> None:
    (folder / "audio").mkdir()
    for name in names:
        (folder / "audio" / f"{name}.wav").touch()


def test_p_is_the_share_of_likes_times_the_log_of_them_and_nothing_without_a_like():
    assert target([10, 10, 10], [0, 1, 5]) == pytest.approx([0, 0, 0.5 * np.log(5)])
    assert target([10, 10], [0, 1], smooth=True) == pytest.approx([0, 0.1 * np.log(2)])


def test_plays_ratings_and_votes_are_counted(tmp_path):
    touch_sounds(tmp_path, "abcdef")
    rows = "\n".join(f"{name},1,0" for name in "abcdef")
    (tmp_path / "ratings.csv").write_text(f"track id,liked,disliked\n{rows}\na,1,0\na,0,1\n")
    plays = read_plays(tmp_path)
    assert (plays.clips[0], plays.played[0], plays.liked[0], plays.played[1]) == ("a", 3, 2, 1)
    assert np.isnan(plays.emotions).all()
    rows = "\n".join(f"x,{name},{5 if name in 'ab' else 1}" for name in "abcdef")
    (tmp_path / "ratings.csv").write_text(f"listener_id,clip_id,rating\n{rows}\n")
    assert read_plays(tmp_path).liked.tolist() == [1, 1, 0, 0, 0, 0]
    (tmp_path / "ratings.csv").unlink()
    rows = "\n".join(f"x,a,{name},left" for name in "bcdef")
    (tmp_path / "votes.csv").write_text(f"listener_id,left,right,outcome\n{rows}\nx,b,c,skipped\n")
    plays = read_plays(tmp_path)
    assert (plays.played[0], plays.liked[0], plays.liked[1:].sum()) == (5, 5, 0)
    assert "skipped" in plays.remarks[0]


def test_a_table_as_a_spreadsheet_writes_it_is_read_and_rows_of_one_track_are_added_up_with_a_line(tmp_path):
    touch_sounds(tmp_path, "abcde")
    rows = "\n".join(f"{name};4;{place}" for place, name in enumerate("abcde"))
    (tmp_path / "plays.csv").write_text(f"\ufeffClip_ID;Played;Liked\n{rows}\na;2;1\n", encoding="utf-8")
    plays = read_plays(tmp_path)
    assert (plays.played.tolist(), plays.liked.tolist()) == ([6, 4, 4, 4, 4], [1, 1, 2, 3, 4])
    assert plays.remarks == ("1 track of plays.csv in several rows, which are added up: a",)


def test_clips_are_found_by_paths_other_capitals_and_decomposed_letters(tmp_path):
    touch_sounds(tmp_path, "abcd")
    (tmp_path / "audio" / unicodedata.normalize("NFD", "Élan.wav")).touch()
    rows = "\r".join(f"{name}\t4\t1" for name in ("audio\\A.wav", "b.WAV", "./c", "D", "élan"))
    (tmp_path / "plays.csv").write_bytes(f"CLIP_ID\tplayed\tLiked\r{rows}\r".encode("utf-16"))
    plays = read_plays(tmp_path)
    assert (len(plays.clips), plays.remarks) == (5, ())
    assert sorted(file.stem[0] for file in plays.files) == ["E", "a", "b", "c", "d"]


def test_where_too_little_is_left_it_is_said_why(tmp_path):
    touch_sounds(tmp_path, "abcde")
    rows = "\n".join(f"{name},1,3" for name in "abcd")
    (tmp_path / "plays.csv").write_text(f"clip_id,played,liked\n{rows}\nf,2,1\ne,2,1\n")
    with pytest.raises(
        PlaysError, match=r"has 1 track with .* 5 are needed; 4 rows .*liked one from 0 to played: line 2"
    ):
        read_plays(tmp_path)
    with pytest.raises(PlaysError, match=r"1 track of plays\.csv without a file in audio/ or midi/, left out: f"):
        read_plays(tmp_path)


def test_folders_are_read_as_one_collection_each(tmp_path):
    for name, clips in (("songs", "abcdefgh"), ("piano", "abcde")):
        (tmp_path / name / "audio").mkdir(parents=True)
        for clip in clips:
            (tmp_path / name / "audio" / f"{clip}.wav").touch()
        rows = "\n".join(f"{clip},4,{place % 4}" for place, clip in enumerate(clips))
        (tmp_path / name / "plays.csv").write_text(f"clip_id,played,liked\n{rows}\n")
    both = read_all_plays([tmp_path / "songs", tmp_path / "piano"])
    assert both.clips[0] == "songs/a"
    assert both.clips[-1] == "piano/e"
    assert both.collection.tolist() == [0] * 8 + [1] * 5
    assert both.files[8] == tmp_path / "piano" / "audio" / "a.wav"
    assert both.choose([8, 1]).collection.tolist() == [1, 0]
    assert evenly(np.array([0, 2, 4, 6, 7, 9]), both.collection).tolist() == [0, 2, 4, 6, 7, *[9] * 5]
    assert read_all_plays([tmp_path / "piano"]).clips == tuple("abcde")
    with pytest.raises(PlaysError, match="exactly one of"):
        read_all_plays([tmp_path / "songs", tmp_path])


@pytest.mark.slow
def test_rows_and_files_that_cannot_be_used_are_named_and_the_rest_goes_on(played_folder, tmp_path, capsys):
    (tmp_path / "audio").mkdir()
    for file in (played_folder / "audio").iterdir():
        (tmp_path / "audio" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "audio" / "t0.wav").write_text("no sound")
    (tmp_path / "audio" / "nobody.wav").write_text("no sound")
    table = (played_folder / "plays.csv").read_text()
    (tmp_path / "plays.csv").write_text(table + "unknown,3,1\nt1,2,3\nt2,many,1\n,1,1\n")
    material = load_material(read_plays(tmp_path), quiet=True)
    assert len(material.pictures) == TRACKS - 1
    lines = capsys.readouterr().err.splitlines()
    for told in ("unknown", "nobody.wav", "line 21", "line 22", "t0.wav is no audio"):
        assert sum(told in line for line in lines) == 1


@pytest.mark.slow
def test_what_has_notes_alone_is_played_by_the_piano_and_what_has_both_is_heard(played_folder, tmp_path, capsys):
    for folder in ("audio", "midi"):
        (tmp_path / folder).mkdir()
    pieces = corpora.load("bachChorales", limit=5)
    for number, piece in enumerate(pieces):
        (tmp_path / "midi" / f"c{number}.mid").write_bytes(write_midi(piece))
    (tmp_path / "midi" / "c5.mid").write_bytes(b"no notes")
    (tmp_path / "audio" / "c0.wav").write_bytes((played_folder / "audio" / "t3.wav").read_bytes())
    rows = "\n".join(f"x,c0,c{number},left" for number in range(1, 6))
    (tmp_path / "votes.csv").write_text(f"listener_id,left,right,outcome\n{rows}\n")
    plays = read_plays(tmp_path)
    assert plays.remarks == ()
    assert all(plays.notes)
    material = load_material(plays, quiet=True)
    assert material.plays.clips == ("c0", "c1", "c2", "c3", "c4")
    np.testing.assert_array_equal(material.pictures[0], log_mel(read_sound(played_folder / "audio" / "t3.wav").samples))
    assert min(picture.shape[1] for picture in material.pictures[1:]) > 5 * FRAMES_A_SECOND
    assert "c5.mid can't be played" in capsys.readouterr().err


def test_what_a_track_is_called_is_kept(tmp_path):
    touch_sounds(tmp_path, "abcdef")
    rows = "\n".join(f"{name},{kind},1,0" for name, kind in zip("abcdef", ["rock", "pop"] * 3, strict=True))
    (tmp_path / "ratings.csv").write_text(f"track id,genre,liked,disliked\n{rows}\n")
    assert read_plays(tmp_path).choose([1, 2]).genres == ("pop", "rock")
