"""What a visitor may upload as the export of a listener, and what it may cost."""

from __future__ import annotations

import io
import json
import resource
import zipfile

import pytest

from webapp.listeners import archive
from webapp.listeners.archive import export
from webapp.listeners.untrusted_archive import MOST_BYTES, AbsurdFileError, BrokenFileError, checked, read


def zipped(text: bytes, name: str = "listener.json") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(name, text)
    return buffer.getvalue()


def piece(notes: int = 4, bars: int = 2, tempo: float = 100.0) -> dict:
    return {
        "ticks_per_quarter": 24,
        "notes": [[0, 24, 60, 70]] * notes,
        "bars": [[96 * number, 96, 4, 4] for number in range(bars)],
        "tempo_bpm": [tempo] * bars,
    }


def card(**changed) -> bytes:
    line = {"words": "tempo: slower, 8 in 10", "less": "slow", "more": "fast", "effect": -1.0, "sd": 0.3}
    about = {"picks": 9, "lines": [line], "accuracy": {"value": 0.7, "low": 0.5, "high": 0.9, "n": 9}}
    return json.dumps({"cards": [{"about": about | changed}]}).encode()


LINE = json.loads(card())["cards"][0]["about"]["lines"][0]


@pytest.mark.slow
def test_a_listeners_own_file_comes_through_unchanged(context, live):
    data = export(context.database, live(5))
    assert read(archive.pack(data, context.clip_store)) == read(json.dumps(data).encode()) == data


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "why"),
    [
        (b'{"a": NaN}', "number that is none"),
        (b'{"a": [1, -Infinity]}', "number that is none"),
        (b'{"a": 1e400}', "larger than anything"),
        (b'{"a": 1e300}', "larger than anything"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "5000 digits"),
        (b'{"offers": [{"pair_probability": 1e-300}]}', "probability lies between"),
        (b'{"offers": [{"vote": {"created_at": "2020-01-01T00:00:00+00:00"}}]}', "between 2025 and now"),
        (b'{"made_at": "2999-01-01T00:00:00+00:00"}', "and now"),
        (b'{"updated_at": "soon"}', "between 2025 and now"),
        (b'{"clips": [{"audio": [{"seconds": 1e9}]}]}', "plays for at most"),
        (b'{"listening": {"left_ms": 1e10}}', "one day at most"),
        (b'{"domain": "pop\\u0000"}', "no database takes"),
        (b'{"domain": "' + b"x" * 200_000 + b'"}', "too long"),
        (json.dumps({"offers": [{}] * 10_001}).encode(), "10001 offers"),
        (b"[" * 100_000, "too deep"),
        (b'{"a": ' + b"[" * 50 + b"]" * 50 + b"}", "too deep"),
        (json.dumps({"a": {"b": [0] * 1_000_001}}).encode(), "more than 1000000 values"),
        (b" " * (MOST_BYTES + 1), "at most"),
        (zipped(b" " * (MOST_BYTES + 1)), "more than"),
    ],
)
def test_what_no_listeners_file_holds_is_refused_with_a_sentence(file, why):
    with pytest.raises(AbsurdFileError, match=why):
        read(file)


def test_cards_and_pieces_such_as_ours_are_taken():
    assert checked(card())
    assert checked(card(lines=[], accuracy=None))
    assert checked(json.dumps({"clips": [{"notes": piece()}, {"notes": {}}], "cards": []}).encode())


def test_a_piece_that_would_take_long_to_render_or_a_card_to_draw_is_refused():
    for file, why in [
        (json.dumps({"clips": [{"notes": piece(notes=8_001)}]}).encode(), "8001 notes"),
        (json.dumps({"studio": [{"notes": piece(bars=601)}]}).encode(), "601 bars"),
        (json.dumps({"clips": [{"notes": piece(tempo=0.01)}]}).encode(), "600 seconds"),
        (json.dumps({"clips": [{"notes": piece(tempo=-1)}]}).encode(), "600 seconds"),
        (b'{"clips": [{"notes": {"notes": {}}}]}', "no lists"),
        (card(lines=[LINE] * 4), "something else"),
        (card(lines=[LINE | {"words": "W" * 121}]), "something else"),
        (card(lines=[LINE | {"words": ""}]), "something else"),
        (card(lines=[LINE | {"less": "a\nb"}]), "something else"),
        (card(lines=[LINE | {"sd": 1e9}]), "something else"),
        (card(lines=[[]]), "something else"),
        (card(lines="none"), "something else"),
        (card(picks="9"), "something else"),
        (card(accuracy={"value": 2, "low": 0, "high": 1, "n": 1}), "something else"),
        (card(more="text"), "something else"),
    ]:
        with pytest.raises(AbsurdFileError, match=why):
            checked(file)


def test_what_is_no_export_is_told_apart():
    for file in [b"", b"{", b"\xff\xfe", b"[1]", zipped(b"{}", "other.json"), zipped(b"{}")[:-9]]:
        with pytest.raises(BrokenFileError):
            read(file)


@pytest.mark.slow
def test_reading_a_hostile_file_costs_this_process_hardly_any_memory():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bomb = zipped(b'{"a": [' + b"[]," * 3_300_000 + b"[]]}")
    assert len(bomb) < 100_000
    with pytest.raises(AbsurdFileError):
        read(bomb)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # KiB
