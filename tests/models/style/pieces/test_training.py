"""Training on a handful of tunes: it learns, and a run that was killed ends as one that wasn't."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.experiments.run_log import rows
from models.music.notes import Piece
from models.style.checkpoint import tiny_style
from models.style.pieces.bar_latents import Reader, scale_of
from models.style.pieces.data import Batch, PieceSet
from models.style.pieces.model import PieceConfig, load_pieces_model, tiny_pieces
from models.style.pieces.sampling import Writer
from models.style.pieces.training import PRESETS, SHARES, PieceTraining, Preset, RunPieces, run_pieces, unlike
from models.train import pieces_sampling
from models.train.pieces import FINE_TUNING, main, own_folder

pytestmark = pytest.mark.slow

CONFIG = PieceConfig(dim=32, layers=1, heads=2, hidden=32, condition=16, context=64)
PRESET = Preset(
    steps=12, rows=2, learning_rate=2e-3, check_every=4, held_out_rows=1, config=CONFIG, warm_up=2, dropout=0.1
)


@pytest.fixture(scope="module")
def music(dance_music, tmp_path_factory) -> RunPieces:
    return run_pieces(dance_music, tmp_path_factory.mktemp("music"), again=False)


def begun(music: RunPieces, out, preset: Preset = PRESET) -> PieceTraining:
    return PieceTraining("tiny", preset, music, out, seed=0, minutes=None, device="cpu")


def test_pieces_that_join_are_trained_on_where_they_are_no_tune_that_is_held_out() -> None:
    tune, other = (melody(np.random.default_rng(seed).integers(55, 80, 128)) for seed in (1, 2))
    higher = replace(tune, notes=tune.notes + np.array([0, 0, 2, 0]), piece_id="a tone higher")
    joining = [higher, replace(other, piece_id="another")]
    assert [piece.piece_id for piece in unlike(joining, [replace(tune, piece_id="held out")])] == ["another"]


def melody(pitches) -> Piece:
    """Quavers in 4/4."""
    count = len(pitches)
    notes = np.stack([12 * np.arange(count), np.full(count, 12), pitches, np.full(count, 70)], 1)
    bars = np.array([[96 * bar, 96, 4, 4] for bar in range(count // 8)])
    return Piece(notes, bars, np.full(len(bars), 100.0))


def test_a_run_that_was_killed_ends_as_one_that_was_not(music, tmp_path, monkeypatch) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    one = begun(music, whole)
    one.run()
    step = PieceTraining.step

    def until_ten(self: PieceTraining, batch: Batch) -> dict[str, float]:
        if self.training.step == 10:
            raise KeyboardInterrupt
        return step(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(PieceTraining, "step", until_ten)
        with pytest.raises(KeyboardInterrupt):
            begun(music, killed).run()
    other = begun(music, killed)
    other.resume()
    assert other.training.step == 8
    other.run()
    for name, value in one.training.master.state_dict().items():
        assert torch.equal(value, other.training.master.state_dict()[name]), name
    assert (other.progress.best, other.progress.best_step) == (one.progress.best, one.progress.best_step)
    logs = [[row for row in rows(out / "log.jsonl") if row.get("part") != "train"] for out in (whole, killed)]
    assert logs[0] == logs[1]
    assert [row["kind"] for row in logs[0]] == ["run", *["metrics"] * 3, "end"]
    weights = [load_pieces_model(out / "bundle").card["sha256"] for out in (whole, killed)]
    assert weights[0] == weights[1]


def test_training_lowers_the_loss_on_held_out_tunes(music, tmp_path) -> None:
    training = begun(music, tmp_path, Preset(60, 4, 4e-3, 20, 2, CONFIG, warm_up=5))
    training.run()
    found = [row["values"]["dance"] for row in rows(tmp_path / "log.jsonl") if row.get("part") == "validation"]
    assert found[-1] < found[0] - 1


def test_music_of_ones_own_is_not_taken_for_the_corpora_afterwards(dance_music, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KALLOS_CORPORA", str(tmp_path))
    assert own_folder(dance_music) == dance_music
    assert os.environ["KALLOS_CORPORA"] == str(tmp_path)


def test_the_command_ends_with_a_line_for_programs(dance_music, tmp_path, capsys) -> None:
    main([str(dance_music), "--preset", "tiny", "--steps", "4", "--out", str(tmp_path)])
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    bundle = load_pieces_model(tmp_path / "bundle")
    assert (last["steps"], last["version"]) == (4, bundle.version)
    assert bundle.card["data"]["pieces"] == 80
    assert len(json.loads((tmp_path / "bundle" / "held_out.json").read_text())["test"]) == 48
    assert sum(value.numel() for value in bundle.model.state_dict().values()) < 400_000


def test_a_run_goes_on_from_trained_weights_also_after_it_was_killed(dance_music, tmp_path, capsys) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    main([str(dance_music), "--preset", "tiny", "--steps", "20", "--out", str(first)])
    base = load_pieces_model(first / "bundle")
    given = [str(dance_music), "--preset", "tiny", "--out", str(second)]
    main([*given, "--from", str(first / "bundle"), "--steps", "1"])
    one = load_pieces_model(second / "bundle")
    assert one.card["from"] == {"version": base.version, "steps": base.card["steps"], "keeps_latents": False}
    for name, value in base.model.state_dict().items():  # after one careful step
        assert torch.allclose(value, one.model.state_dict()[name], atol=2e-3), name
    main([*given, "--resume", "--steps", "2"])
    assert [row["values"]["learning_rate"] for row in rows(second / "log.jsonl") if row.get("part") == "train"] == [
        pytest.approx(share * FINE_TUNING * PRESETS["tiny"].learning_rate) for share in (0.1, 0.2)
    ]
    main([str(dance_music), "--preset", "tiny", "--steps", "3", "--out", str(first)])
    with pytest.raises(SystemExit, match="the run began with"):  # which it could be averaged with no more
        main([*given, "--resume", "--steps", "3"])
    with pytest.raises(SystemExit, match="no piece model"):
        main([str(dance_music), "--preset", "tiny", "--out", str(tmp_path / "third"), "--from", "nothing"])


def test_fine_tuned_weights_are_averaged_with_those_they_began_from_where_that_validates_better(
    dance_music, tmp_path, capsys, monkeypatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    main([str(dance_music), "--preset", "tiny", "--steps", "20", "--out", str(first)])
    monkeypatch.setattr("models.train.pieces.FINE_TUNING", 200.0)  # which throws it off its way
    main([str(dance_music), "--preset", "tiny", "--steps", "4", "--out", str(second), "--from", str(first / "bundle")])
    kept = load_pieces_model(second / "bundle").card
    checked = [row["values"]["mean"] for row in rows(second / "log.jsonl") if row.get("part") == "validation"]
    assert kept["average"] in SHARES
    assert kept["validation"]["mean"] < min(checked)
    *_, end = rows(second / "log.jsonl")
    assert end["best"] == pytest.approx(kept["validation"]["mean"], abs=1e-4)


def test_rows_are_as_long_as_was_asked_for_also_after_the_run_was_killed(dance_music, tmp_path, capsys) -> None:
    given = [str(dance_music), "--preset", "tiny", "--out", str(tmp_path)]
    main([*given, "--steps", "1", "--context", "64"])
    main([*given, "--resume", "--steps", "2"])
    assert load_pieces_model(tmp_path / "bundle").model.config.context == 64
    first, *_ = rows(tmp_path / "log.jsonl")
    assert first["hyperparameters"]["rows"] == 8  # twice as many, half as long
    moods = PieceSet.load(tmp_path / "train.npz").moods
    assert set(np.unique(moods)) == {1, 2, 3, 4, 5}


def test_how_to_draw_is_chosen_on_validation_tunes_and_noted_in_the_card(
    dance_music, tmp_path, capsys, monkeypatch
) -> None:
    main([str(dance_music), "--preset", "tiny", "--steps", "2", "--out", str(tmp_path)])
    monkeypatch.setattr(pieces_sampling, "CHOICES", ((1.0, 1.0, 1.0), (0.5, 0.9, 0.8)))
    monkeypatch.setattr(pieces_sampling, "GUIDANCE", (2.0,))
    bundle = tmp_path / "bundle"
    pieces_sampling.main([str(bundle), "--data", str(dance_music), "--limit", "4"])
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    rows = last["sampling"]["dance"]
    known = {"temperature", "nucleus", "guidance", "most_crowded", "told", "bits"}
    assert [set(row) for row in rows] == [known] * 3
    assert sorted(row["guidance"] for row in rows) == [1, 1, 2]
    assert last["sampling"]["pop"] == []
    chosen = load_pieces_model(bundle).card["sampling"]
    assert chosen == {"dance": last["sampling"]["dance"][0]}
    writer = Writer.load(bundle)
    asked = {name: chosen["dance"][name] for name in ("temperature", "nucleus")}
    ours, theirs = (writer.compose("dance", bars=2, seed=3, **given)[0] for given in ({}, asked))
    assert np.array_equal(ours.notes, theirs.notes)


def test_a_run_ends_by_the_clock(dance_music, tmp_path, capsys) -> None:
    main([str(dance_music), "--preset", "tiny", "--minutes", "0.005", "--out", str(tmp_path)])
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["seconds"] >= 0.3


@pytest.mark.parametrize(
    ("arguments", "message"), [(("--resume",), "to resume"), ((), "is no folder")], ids=["resume", "folder"]
)
def test_what_cannot_be_trained_on_is_said_in_a_line(dance_music, tmp_path, arguments, message) -> None:
    data = dance_music if arguments else tmp_path / "nowhere"
    with pytest.raises(SystemExit, match=message):
        main([str(data), "--preset", "tiny", "--out", str(tmp_path / "out"), *arguments])


def test_a_model_learns_to_hear_latents_and_says_the_same_without_them(music, tmp_path) -> None:
    encoder = tiny_style().model
    reader = Reader(encoder, scale_of(encoder, music.train.each()))
    trained = tiny_pieces(moods=True)
    config = replace(trained.model.config, context=64, latents=reader.sizes)
    preset = Preset(60, 3, 4e-3, 30, 2, config, warm_up=5, averaging=0.9, writes_with=96)
    training = PieceTraining(
        "tiny", preset, music, tmp_path, seed=0, minutes=None, device="cpu", start=trained.model.state_dict(),
        reader=reader, hears="tiny-0",
    )  # fmt: skip
    training.run()
    found = [row["values"] for row in rows(tmp_path / "log.jsonl") if row.get("part") == "validation"]
    assert found[-1]["dance_told"] < found[-1]["dance"]
    kept = load_pieces_model(tmp_path / "bundle")
    assert kept.card["latents"] == "tiny-0"
    assert kept.model.config.context == 96
    assert sorted(path.name for path in (tmp_path / "bundle").glob("*.safetensors")) == [
        "latents.safetensors", "pieces.safetensors",
    ]  # fmt: skip
    assert torch.allclose(kept.model.latents.scale, reader.scale, rtol=0.01)
    (tmp_path / "bundle" / "latents.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"latents\.safetensors"):
        load_pieces_model(tmp_path / "bundle")
