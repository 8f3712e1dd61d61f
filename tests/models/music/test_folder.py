from pathlib import Path

import pytest

from models.music.corpora import load_folder
from models.music.folder import read_folder
from models.music.midi_file import MidiFile, dump
from models.music.notes import MusicError

MIDI = dump(MidiFile(24, notes=[(0, 24, 60, 64, 0)]))
BOOK = "X:1\nT:One\nK:C\nabc|\n\nX:2\nT:Two\nM:9/0\nK:C\nabc|\n\nX:3\nT:Three\nR:jig\nK:C\ncde|\n"


def test_one_broken_file_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "a.mid").write_bytes(MIDI)
    (tmp_path / "deep" / "er" / "B.MIDI").write_bytes(MIDI)
    (tmp_path / "book.abc").write_text(BOOK)
    (tmp_path / "zeros.mid").write_bytes(bytes(1000))
    (tmp_path / "empty.abc").touch()
    (tmp_path / "notes.txt").write_text("not music")
    loaded = read_folder(tmp_path)
    assert [p.piece_id for p in loaded.pieces] == ["a.mid", "book.abc:1", "book.abc:3", "deep/er/B.MIDI"]
    assert set(loaded.broken) == {"book.abc:2", "empty.abc", "zeros.mid"}
    assert "MThd" in loaded.broken["zeros.mid"]
    assert len(load_folder(tmp_path)) == 4


def test_metadata_describes_the_files(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.mid").write_bytes(MIDI)
    (tmp_path / "book.abc").write_text(BOOK)
    (tmp_path / "metadata.csv").write_text(
        "path,piece_id,title,genre,quadrant,split\nx\\a.mid,song 1,A Song,ballad,Q3,test\nbook.abc,book,Book,,,train\n"
    )
    by_id = {p.piece_id: p for p in read_folder(tmp_path).pieces}
    song = by_id["song 1"]
    assert (song.titles, song.genre, dict(song.extra)) == (("A Song",), "ballad", {"quadrant": "Q3", "split": "test"})
    assert by_id["book.abc:3"].titles == ("Three",)
    assert by_id["book.abc:3"].genre == "jig"
    assert by_id["book.abc:3"].extra == {"split": "train"}


def test_bad_metadata_is_reported_and_the_music_read(tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(MIDI)
    (tmp_path / "metadata.csv").write_text("file,title\na.mid,x\n")
    loaded = read_folder(tmp_path)
    assert len(loaded.pieces) == 1
    assert loaded.broken["metadata.csv"].startswith("its columns are file, title; one called path is needed")
    (tmp_path / "metadata.csv").write_bytes(b"path\n\x00\x00\x00")
    assert "UTF-8" in read_folder(tmp_path).broken["metadata.csv"]


def test_metadata_as_a_spreadsheet_writes_it_is_read_and_rows_without_a_file_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(MIDI)
    (tmp_path / "metadata.csv").write_text("Path; Title;Valence\na.mid;A, in C;-0.5\nb.mid;x;\nc.mid;y;\n")
    loaded = read_folder(tmp_path)
    assert loaded.pieces[0].titles == ("A, in C",)
    assert loaded.pieces[0].extra["valence"] == "-0.5"
    assert loaded.broken == {"metadata.csv": "2 rows name files that are not there, such as b.mid"}


def test_a_folder_without_music_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MusicError, match=r"no \.mid"):
        read_folder(tmp_path)
    with pytest.raises(MusicError, match="is not a folder"):
        read_folder(tmp_path / "missing")
