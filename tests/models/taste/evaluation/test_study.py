import shutil

import numpy as np
import pytest
import soundfile

from models.style.checkpoint import tiny_style
from models.taste.evaluation.study import load_study

pytestmark = pytest.mark.slow


def rewritten(folder, target, name: str, text: str):
    shutil.copytree(folder, target)
    for table in ("ratings.csv", "votes.csv"):
        (target / table).unlink(missing_ok=True)
    (target / name).write_text(text, encoding="utf-8")
    return target


def test_ratings_become_pairs_within_a_listener_that_differ(listening_folder) -> None:
    study = load_study(listening_folder("ratings"), tiny_style(), quiet=True)
    rows = study.rows_of(2)
    pairs = study.pairs(rows)
    rating = dict(zip(study.judgements.left[rows], study.judgements.value[rows], strict=True))
    expected = sum(rating[a] != rating[b] for a in rating for b in rating if a < b)
    assert len(pairs) == expected
    assert (pairs.listener == 2).all()
    assert pairs.won.tolist() == [rating[a] > rating[b] for a, b in zip(pairs.left, pairs.right, strict=True)]
    assert set(study.features) == {"notes"}  # the tiny model has no taste space, and there is no sound
    assert np.isfinite(study.features["notes"]).all()


def test_votes_that_say_nothing_are_left_out_and_ties_are_no_pairs(listening_folder) -> None:
    study = load_study(listening_folder("votes"), None, quiet=True)
    assert len(study.judgements) == 16 * 12
    pairs = study.pairs(np.arange(len(study.judgements)))
    assert len(pairs) == (study.judgements.value != 0).sum()
    assert (study.judgements.value[study.judgements.value != 0] > 0).tolist() == pairs.won.tolist()


def test_the_same_folder_has_the_same_hash_and_another_rating_another(listening_folder, tmp_path) -> None:
    folder = listening_folder("ratings")
    one = load_study(folder, None, quiet=True).hash
    assert one == load_study(folder, None, quiet=True).hash
    text = (folder / "ratings.csv").read_text()
    lines = text.splitlines()
    lines[1] = lines[1][:-1] + ("1" if lines[1][-1] != "1" else "2")
    assert load_study(rewritten(folder, tmp_path / "x", "ratings.csv", "\n".join(lines)), None, quiet=True).hash != one


def test_a_table_of_any_program_says_the_same(listening_folder, tmp_path) -> None:
    folder = listening_folder("ratings")
    table = (folder / "ratings.csv").read_text().replace("listener_id", "Listener_ID").replace(",", "\t")
    odd = rewritten(folder, tmp_path / "x", "ratings.csv", "")
    (odd / "ratings.csv").write_bytes(table.replace("\n", "\r").encode("utf-16"))
    assert load_study(odd, None, quiet=True).hash == load_study(folder, None, quiet=True).hash


def test_keys_that_are_several_people_are_left_out_of_likes(tmp_path) -> None:
    (tmp_path / "audio").mkdir()
    rng = np.random.default_rng(0)
    for track in range(45):
        tone = np.sin(np.arange(12_000) / 22_050 * 2 * np.pi * rng.uniform(100, 2000)) + rng.normal(size=12_000) * 0.1
        soundfile.write(tmp_path / "audio" / f"{track}.wav", tone * 0.3, 22_050)
    lines = ["track id,genre,liked,disliked,age,gender,mother tongue"]
    lines += [f"{track},pop,{track % 2},{1 - track % 2},20,1,Dutch" for track in range(41)]  # too many rows
    lines += ["1,pop,1,0,30,1,Dutch", "1,pop,0,1,30,1,Dutch"]  # one track twice
    for age in (40, 41, 42):
        lines += [f"{track},pop,{track % 2},{int(track % 3 == 0)},{age},0,Dutch" for track in range(12)]
    (tmp_path / "ratings.csv").write_text("\n".join(lines))
    study = load_study(tmp_path, None, quiet=True)
    assert (study.form, study.left_out, len(study.listeners)) == ("likes", 2, 3)
    assert set(study.judgements.value) == {-1.0, 0.0, 1.0}
    said = dict(zip(study.judgements.left, study.judgements.value, strict=False))
    pairs = study.pairs(study.rows_of(0))
    assert len(pairs) == 4 * 2  # liked 1 5 7 11 and disliked 0 6: 3 and 9 are both
    assert all(said[a] * said[b] == -1 for a, b in zip(pairs.left, pairs.right, strict=True))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("ratings.csv", "person,clip,stars\na,c1,3", "rename the columns"),
        ("ratings.csv", "listener_id,clip_id,rating\na,c1,nice", "line 2.*a number is allowed"),
        ("ratings.csv", "listener_id,clip_id,rating\na,c1,inf", "line 2.*a number is allowed"),
        ("ratings.csv", "listener_id,clip_id,rating\na,c1,3\na,c1,4", "line 3.*again"),
        ("ratings.csv", "listener_id,clip_id,rating\n,c1,3", "line 2.*empty"),
        ("ratings.csv", "listener_id,clip_id,rating\na,c1,3", "at least 3 listeners"),
        ("ratings.csv", "", "no CSV table"),
        ("ratings.csv", "track id,liked,disliked\n1,1,0", "lacks the columns"),
        ("ratings.csv", "track id,liked,disliked,age,gender,mother tongue\n1,2,0,1,1,x", "0 or 1 is allowed"),
        ("votes.csv", "listener_id,left,right,outcome\na,c1,c1,left", "two different clips"),
        ("votes.csv", "listener_id,left,right,outcome\na,c1,c2,maybe", "line 2.*allowed"),
        ("other.csv", "a,b", "neither"),
    ],
)
def test_a_folder_that_cannot_be_used_says_what_and_what_to_do(listening_folder, tmp_path, name, text, words) -> None:
    folder = rewritten(listening_folder("ratings"), tmp_path / "x", name, text)
    with pytest.raises(SystemExit, match=words) as told:
        load_study(folder, None, quiet=True)
    assert "\n" not in str(told.value)


def test_clips_that_are_missing_or_broken_are_named(listening_folder, tmp_path) -> None:
    folder = tmp_path / "x"
    shutil.copytree(listening_folder("ratings"), folder)
    (folder / "midi" / "c3.mid").write_bytes(b"MThd")
    with pytest.raises(SystemExit, match=r"clip c3 .*cannot be used"):
        load_study(folder, None, quiet=True)
    (folder / "midi" / "c3.mid").unlink()
    with pytest.raises(SystemExit, match=r"midi/c3\.mid"):
        load_study(folder, None, quiet=True)
    shutil.copy(folder / "ratings.csv", folder / "votes.csv")
    with pytest.raises(SystemExit, match="exactly one"):
        load_study(folder, None, quiet=True)
