"""What scores tension is trained on a folder, loaded again, and measured on music that it has never met."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from models.experiments.dataset import training_pieces
from models.experiments.report import Report
from models.music.midi import read_midi
from models.style.pieces.model import load_pieces_model
from models.taste.evaluation.study import load_study
from models.tension.evaluation import CHEUNG, Judged, Melodies, liking, pairs, real_above_spoiled
from models.tension.score import FORMAT, load_tension
from models.tension.training import PRESETS
from models.train import tension

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bundle(tunes, tmp_path_factory):
    out = tmp_path_factory.mktemp("tension")
    tension.main(["--preset", "tiny", "--data", str(tunes), "--out", str(out)])
    return load_tension(out)


def test_a_trained_bundle_says_what_it_is_and_is_not_loaded_when_it_was_changed(bundle, tmp_path) -> None:
    assert bundle.version.startswith("tension-tiny-20-0-")
    assert set(bundle.usual) == {"dance"}
    assert bundle.card["pieces"]["version"] == load_tension().card["pieces"]["version"]
    for name in ("card.json", FORMAT.weights_file):
        (tmp_path / name).write_bytes((bundle.folder / name).read_bytes())
    with (tmp_path / FORMAT.weights_file).open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match="fetch it again"):
        load_tension(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"models\.train\.tension"):
        load_tension(tmp_path / "nowhere")


def test_where_points_of_real_bars_may_not_be_shipped_bars_are_composed(tunes) -> None:
    assert load_tension().card["composed_distractors"] == ["pop"]
    pieces, preset = load_pieces_model("pieces-latents"), replace(PRESETS["tiny"], pieces=2, bars=4)
    real = training_pieces(tunes)[:4]
    assert tension.composed_bars(pieces, real, preset, seed=0) == {}
    found = tension.composed_bars(pieces, [replace(real[0], domain="pop", source="pop1k7"), *real[1:]], preset, seed=0)
    assert set(found) == {"pop"}
    assert set(found["pop"].piece.tolist()) == {0, 1}


def test_real_music_stands_above_itself_spoiled(tunes) -> None:
    pieces = training_pieces(tunes)
    report = Report("evaluate.tension", {}, {}, 0)
    real_above_spoiled(report, load_tension(), pieces, pieces, limit=6)
    assert report.metrics["tension.real_above_jittered.past"].value > 0.9
    assert report.metrics["tension.real_above_jittered.future"].value < 0.5
    json.dumps(report.to_json())


def test_effects_and_pairs_are_measured_on_judgements(bundle, listening_folder) -> None:
    folder = listening_folder("ratings")
    study = load_study(folder, None, quiet=True)
    clips = [read_midi(folder / "midi" / f"{name}.mid") for name in study.clips]
    judged = Judged.of(bundle, Melodies(clips), clips)
    report = Report("evaluate.tension", {}, {}, 0)
    liking(report, study, judged)
    every = study.pairs(np.arange(len(study.judgements)))
    pairs(report, study, judged, {"truth": (every, every.won.astype(float))})
    for name, published in CHEUNG.items():
        metric = report.metrics[f"tension.liking.{name}"]
        assert metric.low < metric.value < metric.high
        assert metric.reference == published
        assert report.metrics[f"tension.liking.{name}.smallest"].value > 0
    assert report.metrics["tension.pairs.truth.accuracy"].value == 1
    assert 0.2 < report.metrics["tension.pairs.both.accuracy"].value < 0.8
