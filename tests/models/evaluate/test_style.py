"""The evaluation of a style model, whole and in its parts, on real tunes with a tiny model."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from models.evaluate import record, style, swaps
from models.evaluate.clips import Clips, choose_clips, compose_all, donors_of
from models.music.corpora import load_folder
from models.music.notes import Piece
from models.style.checkpoint import load_style
from models.style.compose import Composer
from models.style.latents import STYLE_GROUPS
from models.style.windows import make_windows


@pytest.fixture(scope="module")
def clips(tunes) -> Clips:
    return choose_clips(make_windows([replace(p, domain="dance") for p in load_folder(tunes)]), 12, 0)


def test_the_last_line_is_the_json_of_the_contract(tunes, weights, capsys) -> None:
    style.main(["--data", str(tunes), "--model", str(weights), "--limit", "3", "--seed", "3", "--save"])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(record.read(weights)["evaluate.style"].metrics) == set(found["metrics"])
    assert (found["command"], found["schema"], found["seed"]) == ("evaluate.style", 1, 3)
    assert (found["data"]["n"], found["model"]["version"]) == (3, "tiny-0")
    assert re.fullmatch("[0-9a-f]{64}", found["model"]["sha256"])
    names = {f"reconstruction.{name}" for name in ("note_f1", "onset_f1", "skyline_f1", "bits_per_bar")}
    names |= {
        f"swap.{group}.{name}"
        for group in STYLE_GROUPS
        for name in ("own", "max_other", "melody_kept", "original_found")
    }
    names |= {f"swap.{one}.on.{other}" for one in STYLE_GROUPS for other in STYLE_GROUPS if one != other}
    names |= {f"drift.{one}.{other}.sd" for one in STYLE_GROUPS for other in STYLE_GROUPS if one != other}
    names |= {
        f"quality.{name}" for name in ("in_key", "repeats", "density", "bar_similarity", "onset_distance", "copied")
    }
    names |= {"quality.longest_copy_bars"}
    names |= {f"cycle.{group}" for group in STYLE_GROUPS}
    names |= {f"swap.several_{number}.{name}" for number in (2, 4, 6) for name in ("own", "in_key")}
    names |= {
        "compose.seconds_1",
        "compose.seconds_8",
        "swap.harmony.reachable",
        "swap.register.reachable",
        "quality.two_sample_decoder",
    }
    names |= {f"reconstruction.noise_{times}.{name}" for times in style.NOISE for name in ("note_f1", "bits_per_bar")}
    assert names <= set(found["metrics"])
    wanted = {group: found["metrics"][f"swap.{group}.original_found"]["reference"] for group in STYLE_GROUPS}
    assert wanted == {group: 0.7 if group == "rhythm" else 0.9 for group in STYLE_GROUPS}
    for metric in found["metrics"].values():
        assert set(metric) == {"value", "low", "high", "n", "baseline", "chance", "reference"}
    bits = [found["metrics"][f"reconstruction.noise_{times}.bits_per_bar"]["value"] for times in style.NOISE]
    assert found["metrics"]["reconstruction.bits_per_bar"]["value"] == pytest.approx(bits[0])
    assert bits[0] > bits[1] > bits[2]
    assert 0 < found["metrics"]["quality.in_key"]["baseline"] <= 1


def test_an_empty_folder_is_told_in_words(tmp_path, weights) -> None:
    with pytest.raises(SystemExit, match="nothing to evaluate on"):
        style.main(["--data", str(tmp_path), "--model", str(weights)])


def test_clips_are_eight_bars_of_different_songs_first(clips) -> None:
    assert {len(p.bars) for p in clips.pieces} == {8}
    assert len(set(clips.songs)) == len(clips.songs)
    for piece, later in zip(clips.pieces, clips.later, strict=True):
        if later is not None:
            assert later.notes[later.notes[:, 0] < 4 * later.bars[0, 1]].size
            assert not np.array_equal(later.notes, piece.notes)


def test_donors_are_other_songs_of_the_same_domain_and_meter_where_there_is_one(clips) -> None:
    donors = donors_of(clips, 0)
    meters = [tuple(p.bars[0, 2:].tolist()) for p in clips.pieces]
    for index, donor in enumerate(donors):
        assert clips.songs[donor] != clips.songs[index]
        if meters.count(meters[index]) > 1:
            assert meters[donor] == meters[index]


def test_a_melody_is_found_among_others_in_any_key(clips) -> None:
    results = [piece.transposed(index % 5) for index, piece in enumerate(clips.pieces)]
    assert swaps.found_among(results, clips, 0).mean() > 0.95
    wrong = [clips.pieces[donor] for donor in donors_of(clips, 0)]
    assert swaps.found_among(wrong, clips, 0).mean() < 0.3


def test_ties_count_in_part(clips) -> None:
    silent = [replace(p, notes=np.zeros((0, 4), dtype=np.int32)) for p in clips.pieces]
    same = Clips([clips.pieces[0]] * 4, [None] * 4, list("abcd"), ["dance"] * 4)
    assert swaps.found_among([clips.pieces[0]] * 4, same, 0).tolist() == [0.25] * 4
    assert swaps.melody(silent[0]).tolist() == [0] * 128


def test_the_melody_is_held_through_rests() -> None:
    piece = Piece(np.array([[0, 6, 60, 80], [48, 6, 67, 80]]), np.array([[0, 96, 4, 4]]), np.array([100.0]))
    assert swaps.melody(piece).tolist() == [60] * 8 + [67] * 8


def test_correlations_are_within_domains() -> None:
    rng = np.random.default_rng(0)
    level = np.repeat([0.0, 100.0], 200)
    one, other = level + rng.normal(size=400), level + rng.normal(size=400)
    labels = np.repeat(["pop", "dance"], 200)
    assert abs(swaps.correlation(one, other, labels)) < 0.2
    assert swaps.correlation(one, one**3, labels) == pytest.approx(1)
    assert math.isnan(swaps.correlation(one, np.zeros(400), labels))
    assert math.isnan(swaps.correlation(one, one, labels, least=2.0))


def test_only_the_chosen_clips_take_another_ones_group(clips, weights) -> None:
    composer = Composer(load_style(weights))
    own = np.arange(len(clips.pieces))
    donors = own.copy()
    donors[0] = 3
    plain, swapped = (
        compose_all(composer, clips, seed=0, temperature=0.9, styles=styles)
        for styles in ({"rhythm": own}, {"rhythm": donors})
    )
    same = [np.array_equal(a.notes, b.notes) for a, b in zip(plain, swapped, strict=True)]
    assert same == [False] + [True] * (len(own) - 1)
