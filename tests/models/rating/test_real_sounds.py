"""Excerpts of real sounds: saved and read again, refused where they aren't whole, and the order in which they count."""

import numpy as np
import pytest

from models.rating import real_sounds, synthetic
from models.rating.mel_bands import MELS
from models.rating.real_sounds import (
    ABOUT,
    FRAMES,
    PICTURES,
    load_real,
    remove_real,
    save_real,
    sentence,
)
from models.rating.sound import FRAMES_A_SECOND
from models.style.bundle import WEIGHTS


@pytest.fixture
def pictures():
    rng = np.random.default_rng(4)
    return [rng.normal(-3, 2, (MELS, FRAMES + 50 * number)).astype(np.float32) for number in range(3)]


@pytest.fixture
def saved(pictures, tmp_path):
    save_real(tmp_path / "own", pictures, ["a", "b", "c"], seed=1, about={"terms": "own"})
    return tmp_path / "own"


def test_excerpts_are_saved_small_and_read_again(pictures, saved):
    found = load_real(saved)
    assert sorted(found.digests) == ["a", "b", "c"]
    assert found.about["terms"] == "own"
    for picture, digest in zip(found.pictures, found.digests, strict=True):
        whole = pictures["abc".index(digest)]
        starts = range(whole.shape[1] - FRAMES + 1)
        away = min(np.abs(whole[:, at : at + FRAMES] - picture).max() for at in starts)
        assert away <= found.about["step"] / 2 + 1e-4
    assert (saved / PICTURES).stat().st_size < 3 * MELS * FRAMES + 1000
    assert load_real(saved.parent) is None


def test_what_is_not_whole_is_refused(saved):
    with (saved / PICTURES).open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match="is not the file that"):
        load_real(saved)
    (saved / ABOUT).write_text("{}")
    with pytest.raises(ValueError, match="doesn't describe excerpts"):
        load_real(saved)


def test_a_models_own_come_first_then_songs_then_renders(saved, monkeypatch, played_folder, tmp_path):
    monkeypatch.setenv("KALLOS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(real_sounds, "EMOTIFY", "audio")
    monkeypatch.setenv("KALLOS_CORPORA", str(played_folder))
    assert real_sounds.real_sounds(saved).digests == load_real(saved).digests
    assert sentence(saved).endswith(" knows music from 3 of the tracks that this network was trained on.")

    songs = real_sounds.real_sounds(tmp_path)
    assert len(songs.pictures) == 18
    assert sentence(tmp_path).endswith(" from 18 songs of Emotify.")
    monkeypatch.setattr("models.rating.sound.read_sound", None)  # nothing is read a second time
    np.testing.assert_array_equal(real_sounds.real_sounds(tmp_path).pictures[3], songs.pictures[3])

    monkeypatch.delenv("KALLOS_CORPORA")
    monkeypatch.setattr(real_sounds, "PIECES", 1)
    renders = real_sounds.real_sounds(tmp_path)
    seconds = [picture.shape[1] / FRAMES_A_SECOND for picture in renders.pictures]
    assert seconds == pytest.approx([synthetic.SECONDS] * 2, abs=0.1)
    assert sentence(tmp_path).endswith(
        " from 1 chorales and 1 Irish tunes, played on the piano that comes with Kallos."
    )
    monkeypatch.setattr(synthetic, "piano_pictures", None)  # nothing is rendered a second time
    assert real_sounds.real_sounds(tmp_path).digests == renders.digests


def test_where_songs_cannot_be_kept_they_are_read_all_the_same(monkeypatch, played_folder, tmp_path):
    (tmp_path / "home").write_text("a file where the cache should lie")
    monkeypatch.setenv("KALLOS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(real_sounds, "EMOTIFY", "audio")
    monkeypatch.setenv("KALLOS_CORPORA", str(played_folder))
    assert len(real_sounds.real_sounds(tmp_path).pictures) == 18


def test_excerpts_that_may_not_be_passed_on_are_removed(saved):
    remove_real(saved)
    remove_real(saved)
    assert list(saved.iterdir()) == []


def test_no_excerpts_are_shipped():
    assert list(WEIGHTS.glob(f"*/{ABOUT}")) == []
