from __future__ import annotations

import contextlib
import io
import json
import shutil
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

from db.queries import jobs
from models.music.midi import write_midi
from models.music.render import measure
from tests.webapp.studies.conftest import DESIGN, tune
from webapp.runtime.errors import NotAllowed, NotReady
from webapp.runtime.listener_files import StudyClips
from webapp.runtime.long_tasks import awaited
from webapp.studies import clips, sources, studies
from webapp.studies.clip_making import make
from webapp.studies.deletion import delete_study
from webapp.studies.sources import SourceError, Task
from webapp.ui.pages.studies import follow, give_up


def test_clips_are_equally_long_and_loud_and_show_no_notes(make_study) -> None:
    study = make_study(opened=False)
    context = study.context
    found = studies.overview(context.database, study.keys.researcher)
    assert {(each.system, each.item) for each in found.clips} == {
        (system, item) for system in ("high", "low") for item in ("tune0", "tune1", "tone")
    }
    sounds = [
        soundfile.read(io.BytesIO(clips.sound(context.database, context.clip_store, each.id))) for each in found.clips
    ]
    assert {len(audio) for audio, _ in sounds} == {3 * 44_100}
    assert all(abs(measure(audio.astype("float32")).lufs + 18) < 0.6 for audio, _ in sounds)
    assert all(clips.notes(context.database, each.id)["notes"] == [] for each in found.clips)  # none may tell


def test_a_file_that_is_no_music_is_named(tmp_path: Path) -> None:
    task = Task(
        str(write(tmp_path / "a", names=("a/one.mid", "b/one.mid"))), (), (), 3.0, played=False, style_folder=""
    )
    with pytest.raises(SourceError, match=r"a/one\.mid can't be used"):
        make(task, tmp_path, lambda _stage, _share: None)
    place = write(tmp_path / "b", names=("b/one.wav", "c/one.wav"))
    for level in (0, 1e-4):  # the second is what a muted track or a sound card leaves
        soundfile.write(
            place / "b" / "one.wav", np.random.default_rng(0).normal(0, level, 44_100 * 3), 44_100, "PCM_24"
        )
        with pytest.raises(SourceError, match="silent"):
            make(Task(str(place), (), (), 3.0, played=False, style_folder=""), tmp_path, lambda _stage, _share: None)


@pytest.mark.parametrize(
    ("names", "pairs", "told"),
    [
        (("a/one.mid",), {}, "no two clips can be compared"),
        (("a/one.mid", "b/one.mid"), {"way": "fixed"}, "no fixed pair"),
    ],
)
def test_clips_of_which_no_pair_can_be_drawn_are_refused_before_they_are_made(tmp_path, names, pairs, told) -> None:
    task = Task(str(write(tmp_path / "a", names=names)), (), (), 3.0, played=False, style_folder="", pairs=pairs)
    with pytest.raises(NotAllowed, match=told):
        make(task, tmp_path, lambda _stage, _share: None)


def write(folder: Path, table: str = "", pairs: str = "", names: tuple[str, ...] = ("x.mid", "y.mid")) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"MThd")
    if table:
        (folder / "clips.csv").write_text(table, encoding="utf-8-sig")
    if pairs:
        (folder / "pairs.csv").write_text(pairs, encoding="utf-8")
    return folder


def test_a_table_says_what_clips_are(tmp_path: Path) -> None:
    table = "clip;system;item;condition\nx.mid;ours;reel;slow\ny.mid;theirs;reel;\n"
    found = sources.read(write(tmp_path / "a", table, "left,right\nx.mid,y.mid\n"), tmp_path)
    assert [(each.name, each.system, each.item, each.condition) for each in found.clips] == [
        ("x.mid", "ours", "reel", "slow"), ("y.mid", "theirs", "reel", ""),
    ]  # fmt: skip
    assert found.pairs == (("x.mid", "y.mid"),)


@pytest.mark.parametrize(
    ("table", "pairs", "told"),
    [
        ("clip,system\nz.mid,ours\n", "", "no file 'z.mid'"),
        ("clip,system\n../x.mid,ours\n", "", "no file"),
        ("clip\nx.mid\n", "", "has no column system"),
        ("clip,system\nx.mid,a\nx.mid,b\n", "", "twice"),
        ("clip,system\nx.mid,a\ny.mid,b\n", "left,right\nx.mid,q.mid\n", "no clip 'q.mid'"),
        ("clip,system\nx.mid,a\ny.mid,b\n", "left,right\nx.mid,x.mid\n", "with itself"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(tmp_path: Path, table: str, pairs: str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        sources.read(write(tmp_path / "a", table, pairs), tmp_path)


def packed(place: Path, *names: str) -> Path:
    with zipfile.ZipFile(place, "w") as zipped:
        for name in names:
            info = zipfile.ZipInfo("x")
            info.filename = name  # as it is given, also with backslashes
            zipped.writestr(info, b"MThd")
    return place


def test_no_system_is_dropped_without_a_word(tmp_path: Path) -> None:
    place = packed(tmp_path / "a.zip", "p/one.m4a", "q/one.aiff", "r/one.AIF", "s/one.aac", "readme.txt", "p/cover.jpg")
    assert [each.system for each in sources.read(place, tmp_path / "a").clips] == ["p", "q", "r", "s"]
    for odd in ("q/one.wma", "q/one.musicxml", "q/one.mscz"):
        with pytest.raises(SourceError, match=rf"{odd} is neither notes nor sound that can be read; use"):
            sources.read(packed(tmp_path / "b.zip", "p/one.wav", odd), tmp_path / odd)


def test_a_zip_file_with_backslashes_has_folders(tmp_path: Path) -> None:
    place = packed(tmp_path / "a.zip", "study\\p\\one.mid", "study\\q\\one.mid", "study\\empty\\")
    found = sources.read(place, tmp_path / "a").clips
    assert [(each.name, each.system, each.item) for each in found] == [
        ("study/p/one.mid", "p", "one"), ("study/q/one.mid", "q", "one"),
    ]  # fmt: skip


@pytest.mark.parametrize("table", [
    "Clip\tSystem\r.\\X.mid\tours\ry.MID\ttheirs\r".encode("utf-16"), b"clip;SYSTEM\nx.mid;ours\n;\n\ny.mid;theirs\n",
])  # fmt: skip
def test_a_table_of_any_program_is_read(tmp_path: Path, table: bytes) -> None:
    folder = write(tmp_path / "a", pairs="Left\tRight\nX.mid\ty.mid\n")
    (folder / "clips.csv").write_bytes(table)
    found = sources.read(folder, tmp_path)
    assert [(each.name, each.system) for each in found.clips] == [("x.mid", "ours"), ("y.mid", "theirs")]
    assert found.pairs == (("x.mid", "y.mid"),)


def test_what_is_said_of_a_file_names_no_place_of_the_server(tmp_path: Path) -> None:
    for name, data in (
        ("p/one.wav", b"RIFF and words"),
        ("p/one.mid", b"words"),
        ("p/one.m4a", b"words"),
        ("p/one.flac", b""),
    ):
        place = write(tmp_path / name.replace("/", "-"), names=(name, name.replace("p/", "q/")))
        (place / name).write_bytes(data)
        with pytest.raises(SourceError, match=name) as told:
            make(Task(str(place), (), (), 3.0, played=False, style_folder=""), tmp_path, lambda _stage, _share: None)
        assert str(tmp_path) not in str(told.value)
    (tmp_path / "broken.zip").write_bytes(packed(tmp_path / "a.zip", "p/one.mid").read_bytes()[:-30])
    for place in (tmp_path / "broken.zip", tmp_path / "none.zip"):
        with pytest.raises(SourceError, match="no zip file") as told:
            sources.read(place, tmp_path / "c")
        assert str(tmp_path) not in str(told.value)


def test_folders_are_systems_and_equal_names_the_same_music(tmp_path: Path) -> None:
    same = sources.read(write(tmp_path / "a", names=("p/one.mid", "q/one.mid")), tmp_path)
    assert {(each.system, each.item) for each in same.clips} == {("p", "one"), ("q", "one")}
    other = sources.read(write(tmp_path / "b", names=("p/one.mid", "q/two.mid")), tmp_path)
    assert {(each.system, each.item) for each in other.clips} == {("p", ""), ("q", "")}


@pytest.fixture
def generator():
    """A generator behind an address, as somebody else might have one; what it was asked for."""
    asked: list[dict] = []

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            moved = self.path == "/moved"
            self.send_response(302 if moved else 200)
            if moved:
                self.send_header("location", "/midi")
            self.end_headers()
            data = write_midi(tune(asked[-1]["seed"], 60))
            with contextlib.suppress(ConnectionError):  # who asked may have had enough
                self.wfile.write(bytes(sources.MOST_ANSWERED_BYTES + 1) if self.path == "/much" else data)

        def log_message(self, *given: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_generator_elsewhere_is_asked_for_clips(generator, tmp_path: Path) -> None:
    url, asked = generator
    wanted = ({"system": "theirs", "url": f"{url}/midi", "count": 2, "seed": 5},)
    make(Task("", (), wanted, 3.0, played=False, style_folder=""), tmp_path, lambda _stage, _share: None)
    assert asked == [{"seed": 5, "seconds": 3.0}, {"seed": 6, "seconds": 3.0}]
    made = [json.loads(line) for line in (tmp_path / "clips.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(each["name"], each["system"]) for each in made] == [
        ("theirs-asked-1-001", "theirs"), ("theirs-asked-1-002", "theirs"),
    ]  # fmt: skip
    elsewhere = ({"system": "theirs", "url": f"{url}/moved", "count": 2, "seed": 0},)
    with pytest.raises(SourceError, match="status 302"):  # no redirect is followed
        make(Task("", (), elsewhere, 3.0, played=False, style_folder=""), tmp_path, lambda _stage, _share: None)


def test_an_answer_that_is_too_long_is_refused_with_the_limit_of_answers(generator, tmp_path: Path) -> None:
    much = ({"system": "theirs", "url": f"{generator[0]}/much", "count": 2, "seed": 0},)
    with pytest.raises(SourceError, match="more than 20 MB"):
        make(Task("", (), much, 3.0, played=False, style_folder=""), tmp_path, lambda _stage, _share: None)


def test_only_what_the_operator_allows_is_asked() -> None:
    for url, allowed, may in (
        ("https://example.org/make", "https://example.org", True),
        ("https://example.org:443/make", "https://example.org, http://other.org", True),
        ("https://example.org/make", "", False),
        ("http://example.org/make", "https://example.org", False),
        ("https://example.org:8443/", "https://example.org", False),
        ("https://example.org.evil.org/", "https://example.org", False),
        ("https://example.org@evil.org/", "https://example.org", False),
        ("http://169.254.169.254/latest/meta-data", "https://example.org", False),
        ("file:///etc/passwd", "https://example.org", False),
        ("https://example.org:port/", "https://example.org", False),
    ):
        if may:
            sources.require_allowed(url, allowed)
        else:
            with pytest.raises(NotAllowed, match="KALLOS_STUDY_GENERATORS"):
                sources.require_allowed(url, allowed)


def test_a_design_asks_nobody_unless_the_operator_allows_it(alone) -> None:
    alone.database.open()
    design = {"title": "A", "asked": [{"system": "theirs", "url": "http://127.0.0.1:5432/", "count": 1}]}
    keys = studies.create(alone.database, alone.journal, design)
    with pytest.raises(NotAllowed, match="may not be asked"):
        clips.begin(alone.database, alone.settings, keys.researcher, place=None)


def test_clips_are_made_again_where_the_design_says_something_else_of_them(make_study) -> None:
    study = make_study(opened=False)
    context, key = study.context, study.keys.researcher
    assert not clips.are_due(context.database, key)
    studies.change_design(context.database, context.journal, key, DESIGN | {"title": "Another title"})
    assert not clips.are_due(context.database, key)
    studies.change_design(context.database, context.journal, key, DESIGN | {"seconds": 2.5})
    assert clips.are_due(context.database, key)
    with pytest.raises(NotAllowed, match="another design"):
        studies.open_study(context.database, context.journal, context.settings, key)
    with pytest.raises(NotAllowed, match="bring your own files once more"):
        clips.begin(context.database, context.settings, key, place=None)


@pytest.mark.slow
def test_clips_are_made_whoever_looks_and_found_again_by_their_researcher(alone, long_tasks, packed) -> None:
    alone.database.open()
    key = studies.create(alone.database, alone.journal, DESIGN).researcher
    other = studies.create(alone.database, alone.journal, DESIGN).researcher
    brought = shutil.copy(packed, packed.parent / "brought.zip")
    clips.begin(alone.database, alone.settings, key, place=Path(brought))
    Path(brought).unlink()  # as an upload is
    with pytest.raises(NotReady, match="another study's clips"):
        clips.begin(alone.database, alone.settings, other, place=packed)
    assert follow(alone, key)[-1]["active"]
    assert clips.look(alone.database, alone.settings, other) is None
    assert awaited(lambda: clips.look(alone.database, alone.settings, key)).clips == 6
    assert len(studies.overview(alone.database, key).clips) == 6
    address, said, *_, cancel, timer = follow(alone, key)
    assert (address, said) == (f"studies?key={key}", "")
    assert (cancel["visible"], timer["active"]) == (False, False)
    assert list(StudyClips(alone.settings.home).home.glob("*/run")) == []


@pytest.mark.slow
def test_what_is_wrong_with_clips_is_said_and_they_are_stopped_and_gone_with_their_study(
    alone, long_tasks, packed
) -> None:
    alone.database.open()
    key = studies.create(alone.database, alone.journal, DESIGN).researcher
    spoilt = packed.parent / "spoilt.zip"
    spoilt.write_bytes(b"no zip")
    clips.begin(alone.database, alone.settings, key, place=spoilt)
    with pytest.raises(NotAllowed, match="no zip file"):
        awaited(lambda: clips.look(alone.database, alone.settings, key))
    assert "no zip file" in follow(alone, key)[1]
    for end in (give_up, lambda context, key: delete_study(context.database, context.clip_store, context.journal, key)):
        clips.begin(alone.database, alone.settings, key, place=packed)
        end(alone, key)
        end_by = time.monotonic() + 60
        while alone.database.transaction(lambda session: jobs.are_under_way(session, [clips.TASK.kind])):
            assert time.monotonic() < end_by
            time.sleep(0.1)
