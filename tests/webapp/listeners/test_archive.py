from __future__ import annotations

import csv
import io
import json
import zipfile

import pytest

from db.queries.restore import NotAnExportError
from models.music.midi import read_midi
from models.music.notes import Piece
from webapp.listeners import accounts
from webapp.listeners import archive as takeout
from webapp.listeners.archive import export


def test_the_zip_has_all_as_json_the_votes_as_a_table_and_the_pieces_as_midi(context, live):
    listener = live(5)
    data = export(context.database, listener)
    file = takeout.pack(data, context.clip_store)
    assert takeout.unpack(file) == takeout.unpack(json.dumps(data).encode()) == data
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("votes.csv").decode(), newline="")))
        pieces = {name: archive.read(name) for name in archive.namelist() if name.startswith("midi/")}
    assert [row["outcome"] for row in rows] == ["left", "right", "equal", "neither", "skipped", "right"]
    assert {row["listener_id"] for row in rows} == {str(listener)}
    assert {(row["left_heard_ms"], row["right_heard_ms"]) for row in rows} == {("2000", "2100")}
    for row in rows:
        assert sum(float(row[name]) for name in ("p_left", "p_equal", "p_right")) == pytest.approx(1)
        assert {f"midi/{row['left']}.mid", f"midi/{row['right']}.mid"} <= set(pieces)
    for clip in data["clips"]:
        midi = read_midi(pieces[f"midi/{clip['id']}.mid"])
        assert midi.notes.tolist() == Piece.from_json(clip["notes"]).notes.tolist()


def test_a_newcomer_gets_a_file_too(context):
    data = export(context.database, accounts.create(context.database))
    assert takeout.unpack(takeout.pack(data, context.clip_store)) == data
    assert takeout.votes_csv(data).count("\n") == 1


def _zip(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def test_what_is_no_export_is_refused_with_what_to_give() -> None:
    for file in (
        b"",
        b"{",
        b"\xff\xfe",
        _zip(other="{}"),
        _zip(**{"listener.json": "{"}),
        _zip(**{"listener.json": "{}"})[:-9],
    ):
        with pytest.raises(NotAnExportError, match="kallos listener export"):
            takeout.unpack(file)


def test_a_zip_that_unpacks_to_more_than_anybody_has_is_refused():
    with pytest.raises(NotAnExportError, match="larger than 1 MB"):
        takeout.unpack(_zip(**{"listener.json": " " * (2**20 + 1)}), 2**20)
