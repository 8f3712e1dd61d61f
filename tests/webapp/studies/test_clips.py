"""Clips brought and composed become clips of one study, alike in all but the music."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
import soundfile

from models.music.loudness import measure
from webapp.runtime.errors import NotAllowed
from webapp.studies import clips, sources, studies
from webapp.studies.sources import SourceError


def test_clips_are_made_in_a_process_of_their_own_equally_long_and_loud(alone, packed: Path) -> None:
    alone.database.open()
    keys = studies.create(alone.database, {"title": "Clips", "seconds": 3})
    made = list(clips.follow(alone.database, alone.clip_store, keys.researcher, packed, alone.settings.style_folder))
    assert made[-1].clips == 6
    found = studies.overview(alone.database, keys.researcher)
    assert {(each.system, each.item) for each in found.clips} == {
        (system, item) for system in ("high", "low") for item in ("tune0", "tune1", "tone")
    }
    sounds = [
        soundfile.read(io.BytesIO(clips.sound(alone.database, alone.clip_store, each.id))) for each in found.clips
    ]
    assert {len(audio) for audio, _ in sounds} == {3 * 44_100}
    assert all(abs(measure(audio.astype("float32")).lufs + 18) < 0.6 for audio, _ in sounds)
    assert all(clips.notes(alone.database, each.id)["notes"] == [] for each in found.clips)  # none may tell


def test_what_is_wrong_with_clips_is_said_in_a_line(alone, tmp_path: Path) -> None:
    alone.database.open()
    keys = studies.create(alone.database, {"title": "Clips"})
    broken = tmp_path / "clips.zip"
    with zipfile.ZipFile(broken, "w") as packed:
        packed.writestr("a/one.mid", b"no music")
    with pytest.raises(NotAllowed, match=r"a/one\.mid can't be used"):
        list(clips.follow(alone.database, alone.clip_store, keys.researcher, broken, alone.settings.style_folder))


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
        ("clip\nx.mid\n", "", "columns clip and system"),
        ("clip,system\nx.mid,a\nx.mid,b\n", "", "twice"),
        ("clip,system\nx.mid,a\ny.mid,b\n", "left,right\nx.mid,q.mid\n", "no clip 'q.mid'"),
        ("clip,system\nx.mid,a\ny.mid,b\n", "left,right\nx.mid,x.mid\n", "with itself"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(tmp_path: Path, table: str, pairs: str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        sources.read(write(tmp_path / "a", table, pairs), tmp_path)


def test_folders_are_systems_and_equal_names_the_same_music(tmp_path: Path) -> None:
    same = sources.read(write(tmp_path / "a", names=("p/one.mid", "q/one.mid")), tmp_path)
    assert {(each.system, each.item) for each in same.clips} == {("p", "one"), ("q", "one")}
    other = sources.read(write(tmp_path / "b", names=("p/one.mid", "q/two.mid")), tmp_path)
    assert {(each.system, each.item) for each in other.clips} == {("p", ""), ("q", "")}
