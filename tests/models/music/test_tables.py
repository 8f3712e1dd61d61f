import math
import unicodedata

import pytest

from models.music.folder import read_folder
from models.music.midi_file import MidiFile, dump
from models.music.tables import Names, TableError, number, plain, read_table

ROWS = [{"path": "a.mid", "title": "Élan, in C"}, {"path": "sub/b.mid", "title": "Two"}]
COMMAS = 'path,title\na.mid,"Élan, in C"\nsub/b.mid,Two\n'
SEMICOLONS = "Path ; TITLE\na.mid;Élan, in C\nsub/b.mid;Two\n"
TABS = "path\ttitle\na.mid\tÉlan, in C\nsub/b.mid\tTwo\n"


TEXTS = (
    COMMAS, SEMICOLONS, TABS, COMMAS.replace("\n", "\r\n"), SEMICOLONS.replace("\n", "\r"),
    COMMAS.replace("\n", "\n\n"), COMMAS.replace("Two", "Two,and more,"), "sep=;\n" + SEMICOLONS,
)  # fmt: skip
UNICODE = ("\ufeff" + COMMAS, "\ufeff\ufeff" + SEMICOLONS, unicodedata.normalize("NFD", COMMAS))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *((text, "cp1252") for text in TEXTS),
        *((text, encoding) for text in (*TEXTS, *UNICODE) for encoding in ("utf-8", "utf-16", "utf-16-le")),
    ],
)
def test_a_table_is_read_as_it_is_written(tmp_path, text, encoding):
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    assert read_table(tmp_path / "t.csv").rows == ROWS


def test_rows_know_their_lines_and_short_ones_have_empty_text(tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n\n1,"two\nlines"\n3\n')
    table = read_table(tmp_path / "t.csv")
    assert (table.rows, table.lines) == ([{"a": "1", "b": "two\nlines"}, {"a": "3", "b": ""}], [4, 5])


def test_what_is_no_table_is_named(tmp_path):
    for data, words in (
        (b"", "it is empty"), (b"\n\n", "it is empty"), (bytes(900), "binary data"),
        (b"a,b\n" + b"x" * 200_000, "no table"),
        (b"\x50\x4b\x03\x04\x00\x00\x00", "binary data"),
    ):  # fmt: skip
        (tmp_path / "t.csv").write_bytes(data)
        with pytest.raises(TableError, match=words):
            read_table(tmp_path / "t.csv")


def test_a_column_that_is_missing_is_named_with_those_that_are_there(tmp_path):
    (tmp_path / "t.csv").write_text("File,Title\na,b\n")
    with pytest.raises(TableError, match=r"no column path; .* file, title"):
        read_table(tmp_path / "t.csv").require(["path", "title"])


def test_a_number_may_have_a_decimal_comma_but_not_thousands():
    assert [number(text) for text in ("3,5", "-0.5", "0,125", " 4 ")] == [3.5, -0.5, 0.125, 4]
    assert all(math.isnan(number(text)) for text in ("1,234", "", "many", "1,2,3"))


def test_names_are_found_as_they_are_meant():
    names = Names(["sub/Élan.mid", unicodedata.normalize("NFD", "Ölan.mid"), "x.mid", "X.mid"])
    assert names.find("sub\\élan.MID") == "sub/Élan.mid"
    assert names.find("./Ölan.mid") == unicodedata.normalize("NFD", "Ölan.mid")
    assert (names.find("x.mid"), names.find("X.MID"), names.find("none")) == ("x.mid", None, None)
    assert plain("") == ""


def test_metadata_of_music_is_read_by_it(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / unicodedata.normalize("NFD", "Élan.mid")).write_bytes(
        dump(MidiFile(24, notes=[(0, 24, 60, 64, 0)]))
    )
    (tmp_path / "metadata.csv").write_bytes("PATH\tTitle\rsub\\élan.MID\tOne\r".encode("utf-16"))
    loaded = read_folder(tmp_path)
    assert (loaded.pieces[0].titles, loaded.broken) == (("One",), {})
