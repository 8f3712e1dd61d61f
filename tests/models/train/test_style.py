"""Training on a few real tunes: it learns, it can be killed, and a bundle that composes comes out."""

import json
import re
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from models.experiments import optimisation, report
from models.experiments.dataset import training_pieces
from models.experiments.optimisation import MasterWeights, trained_weights
from models.music.corpora import music21_corpus
from models.music.midi import write_midi
from models.music.notes import DOMAINS, MusicError, Piece
from models.style import objective, prior_training, training, windows
from models.style.checkpoint import UNSTATED, load_style
from models.style.compose import Composer
from models.style.evaluation import run
from models.style.latents import Directions
from models.style.model import StyleConfig, StyleModel
from models.style.prior import KEYS, PriorConfig
from models.style.prior_training import ENCODED, encode_windows, fit_prior
from models.style.training import Preset, train
from models.style.windows import RunMusic, own_parts, pad, run_music
from models.taste import space_fitting
from models.taste.space import TasteSpace
from models.train import pieces, prior, style

pytestmark = pytest.mark.slow

TINY = Preset(
    12, 300, 4e-2, 3, StyleConfig(dim=32, layers=1, heads=2, hidden=32, memory=8, max_steps=24), code_steps=3
)  # fmt: skip


@pytest.fixture(scope="module")
def tunes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tunes")
    text = min(music21_corpus().glob("oneills1850/*.abc")).read_text(encoding="utf-8", errors="replace")
    (folder / "tunes.abc").write_text("".join(re.split(r"(?m)^(?=X:)", text)[:31]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def music(tunes, tmp_path_factory) -> RunMusic:
    return run_music(tunes, tmp_path_factory.mktemp("run"), again=False)


@pytest.fixture(scope="module")
def quick():
    """Small steps of everything, so that a whole training takes seconds."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setitem(training.PRESETS, "tiny", TINY)
    monkeypatch.setattr(prior_training, "ENCODED", dict.fromkeys(ENCODED, 100))
    monkeypatch.setattr(prior_training, "PriorConfig", partial(PriorConfig, dim=32, layers=1, heads=2))
    monkeypatch.setattr(objective, "VALIDATION_STEPS", 300)
    monkeypatch.setattr(training, "SAVE_EVERY", 4)
    monkeypatch.setattr(space_fitting, "ENOUGH", 60)
    monkeypatch.setattr(run, "DIALS", 8)
    monkeypatch.setattr(run, "FEW", 1)
    yield
    monkeypatch.undo()


@pytest.fixture(scope="module")
def first(tunes, quick, tmp_path_factory):
    """The folder of a run that began from nothing, with a piece model that hears it; change nothing in it."""
    folder = tmp_path_factory.mktemp("first")
    style.main(["--preset", "tiny", "--data", str(tunes), "--out", str(folder)])
    assert "pieces" not in load_style(folder / "bundle").card
    writer = ["--preset", "tiny", "--steps", "4", "--latents", str(folder / "bundle"), "--out", str(folder / "writer")]
    pieces.main([str(tunes), *writer])
    return folder


def trained(music: RunMusic, out, preset: Preset, *, resume: bool = False) -> MasterWeights:
    out.mkdir(exist_ok=True)
    return train(preset, music.windows, music.held_out, out, seed=0, resume=resume, device="cpu")


def test_the_loss_falls(first) -> None:
    rows = [json.loads(line) for line in (first / "log.jsonl").read_text().splitlines()]
    found = [row["validation"] for row in rows if "validation" in row]
    assert len(found) == 3
    for name in ("position", "pitch", "duration", "velocity"):
        assert found[-1][name] < 0.97 * found[0][name], name


def test_a_killed_and_resumed_training_ends_with_the_weights_of_one_that_was_not(
    music, quick, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(optimisation, "working_dtype", lambda _: torch.bfloat16)  # in which Muon moves matrices
    preset = replace(TINY, learning_rate=2e-3, muon=True)
    whole = trained(music, tmp_path / "whole", preset).master.state_dict()
    calls = []

    def killed(*arguments, **more):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return {}

    with monkeypatch.context() as patch:
        patch.setattr(training, "validate", killed)
        with pytest.raises(KeyboardInterrupt):
            trained(music, tmp_path / "killed", preset)
    assert trained_weights(tmp_path / "killed" / "state.safetensors")[1] == 4
    with pytest.raises(SystemExit, match="trained by another optimiser; begin another run"):
        trained(music, tmp_path / "killed", replace(preset, muon=False), resume=True)
    resumed = trained(music, tmp_path / "killed", preset, resume=True)
    assert resumed.step == 12
    for name, value in whole.items():
        assert torch.equal(resumed.master.state_dict()[name], value), name


def test_the_command_writes_a_bundle_that_composes_and_its_prior_can_be_fitted_again(
    tunes, music, first, tmp_path, capsys
) -> None:
    bundle = load_style(first / "bundle")
    assert bundle.version == f"style-tiny-12-0-{bundle.card['sha256']['style'][:8]}"
    assert {"hash", "pieces", "sources", "windows", "held_out"} <= set(bundle.card["data"])
    assert set(bundle.card["data"]["terms"].values()) == {UNSTATED}
    space = TasteSpace.load(bundle.taste_space_path, version=bundle.version)
    assert space.version == bundle.version
    composer = Composer(bundle)
    piece = composer.compose([composer.plan(domain="dance", content=None, styles={}, seed=0)])[0]
    assert len(piece.bars) == 8
    assert bundle.prior.meter_share[1].sum().item() == pytest.approx(1, abs=1e-2)
    assert bundle.card["pieces"] == str(first / "writer" / "bundle")
    run.complete(bundle, music, None, clips=2, seed=0)
    figures = report.read_evaluations(first / "bundle")["evaluate.style"]
    assert figures.of_weights(bundle.card["sha256"]["style"])
    assert figures.data["n"] == 1  # of two held-out tunes one has eight bars
    assert figures.metrics["quality.longest_copy_bars"].baseline is not None
    assert Directions.load(first / "bundle").version == bundle.version
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "FEW", 8)
        run.complete(bundle, music, None, clips=2, seed=0)
    said = capsys.readouterr().out
    assert "no figures: held-out songs: 1" in said
    assert "play it with" in said

    shutil.copytree(first, tmp_path / "again")
    prior.main(["--preset", "tiny", "--steps", "5", "--data", str(tunes), "--out", str(tmp_path / "again")])
    again = load_style(tmp_path / "again" / "bundle")
    assert again.version == bundle.version
    assert again.card["sha256"]["style"] == bundle.card["sha256"]["style"]
    assert again.card["sha256"]["prior"] != bundle.card["sha256"]["prior"]
    assert again.card["prior_steps"] == 5
    assert f"{bundle.version} is in" in capsys.readouterr().out


def test_training_goes_on_from_trained_weights_with_one_file_of_ones_own(first, tmp_path, capsys) -> None:
    base, mine = load_style(first / "bundle"), tmp_path / "mine"
    mine.mkdir()
    rng = np.random.default_rng(0)
    onset = np.arange(0, 12 * 96, 12)
    notes = np.stack([onset, np.full(96, 12), rng.integers(55, 80, 96), np.full(96, 70)], axis=1)
    bars = np.array([(start, 96, 4, 4) for start in range(0, 12 * 96, 96)])
    chords = np.concatenate([notes, notes + np.array([0, 0, -12, 0])])
    chords = chords[np.lexsort((chords[:, 2], chords[:, 0]))]
    (mine / "one.mid").write_bytes(write_midi(Piece(chords, bars, np.full(12, 90.0))))
    (mine / "broken.mid").write_bytes(b"MThd and nothing else")
    more = ["--preset", "tiny", "--data", str(mine), "--steps", "2", "--prior-steps", "2", "--figures", "1"]
    more += ["--out", str(tmp_path / "more")]
    style.main([*more, "--from", str(base.folder)])
    said = capsys.readouterr().out
    assert "broken.mid can't be read" in said
    assert "1 pieces with 5 windows of eight bars to train on, none held out" in said
    assert f"KALLOS_MODEL={tmp_path / 'more' / 'bundle'} kallos serve" in said
    tuned = load_style(tmp_path / "more" / "bundle")
    assert tuned.version.startswith("style-tiny-14-0-")
    assert tuned.card["from"] == {"version": base.version, "steps": 12, "keeps_latents": False}
    assert tuned.card["prior_steps"] == base.card["prior_steps"] + 2
    assert tuned.card["data"]["held_out"] == prior.NOT_HELD_OUT
    assert list(tuned.card["data"]["terms"]) == ["folder"]
    assert tuned.card["pieces"] == base.card["pieces"]
    before, after = base.model.state_dict(), tuned.model.state_dict()
    fresh = StyleModel(TINY.config).state_dict()
    name = "plan_inner.weight"
    assert 0 < (after[name] - before[name]).abs().mean() < 0.2 * (after[name] - fresh[name]).abs().mean()
    for buffer in ("mean", "scale", "weight"):
        assert torch.equal(getattr(tuned.prior, buffer), getattr(base.prior, buffer)), buffer
    pop, dance = DOMAINS.index("pop"), DOMAINS.index("dance")
    assert torch.equal(tuned.prior.meter_share[dance], base.prior.meter_share[dance])
    assert tuned.prior.meter_share[pop].max() > 0.99 > base.prior.meter_share[pop].max()
    assert (base.fingerprint.bits & tuned.fingerprint.bits == base.fingerprint.bits).all()  # what it may not copy
    assert TasteSpace.load(tuned.taste_space_path, tuned.version).size
    assert report.read_evaluations(tuned.folder)["evaluate.style"].data["n"] == 1
    style.main([*more, "--resume"])  # has nothing left to do, and still knows where it began
    assert load_style(tmp_path / "more" / "bundle").card["from"] == tuned.card["from"]
    with pytest.raises(SystemExit, match="not of the preset cpu"):
        style.main(["--preset", "cpu", "--data", str(mine), "--from", str(base.folder), "--out", str(tmp_path / "no")])


def test_a_new_run_leaves_nothing_of_an_earlier_one_to_go_on_with(first, tunes, tmp_path, monkeypatch) -> None:
    def killed(*arguments, **more):
        raise KeyboardInterrupt

    out = shutil.copytree(first, tmp_path / "run")
    asked = ["--preset", "tiny", "--data", str(tunes), "--out", str(out)]
    with pytest.raises(SystemExit, match="cannot be used"):
        style.main([*asked, "--from", str(tmp_path / "none")])
    assert (out / "state.safetensors").exists()  # no run has begun
    monkeypatch.setattr(prior_training, "encode_windows", killed)
    with pytest.raises(KeyboardInterrupt):
        prior.main(asked)
    assert not (out / "prior.safetensors").exists()
    shutil.copy(first / "prior.safetensors", out)
    monkeypatch.setattr(style, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        style.main(asked)
    assert not (out / "prior.safetensors").exists()
    with pytest.raises(SystemExit, match=r"no .*state\.safetensors to resume"):
        style.main([*asked, "--resume"])


def test_a_killed_and_resumed_prior_ends_with_the_weights_of_one_that_was_not(
    music, tmp_path, quick, monkeypatch
) -> None:
    model = StyleModel(TINY.config)
    whole = fit_prior(model, music.windows, steps=6, seed=0, out=tmp_path / "whole")
    monkeypatch.setattr(prior_training, "SAVE_EVERY", 4)
    save = MasterWeights.save

    def killed(training, path) -> None:
        save(training, path)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MasterWeights, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            fit_prior(model, music.windows, steps=6, seed=0, out=tmp_path / "killed")
    resumed = fit_prior(model, music.windows, steps=6, seed=0, out=tmp_path / "killed", resume=True)
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_a_run_whose_music_is_gone_says_so(tunes, tmp_path) -> None:
    for name in ("run", "other"):
        (tmp_path / name).mkdir()
    run_music(tunes, tmp_path / "run", again=False)
    text = (tunes / "tunes.abc").read_text(encoding="utf-8")
    (tmp_path / "other" / "tunes.abc").write_text("".join(re.split(r"(?m)^(?=X:)", text)[:20]), encoding="utf-8")
    with pytest.raises(MusicError, match="pieces of this run are not there now"):
        run_music(tmp_path / "other", tmp_path / "run", again=True)


def test_a_run_keeps_what_it_holds_out(tunes, tmp_path, monkeypatch) -> None:
    first = run_music(tunes, tmp_path, again=False)
    monkeypatch.setattr(windows, "split", lambda pieces, seed: {"train": pieces, "validation": [], "test": []})
    again = run_music(tunes, tmp_path, again=True)
    assert [p.piece_id for p in again.pieces] == [p.piece_id for p in first.pieces]
    assert len(again.held_out) == len(first.held_out)
    moved = run_music(tunes, tmp_path, again=False)
    assert [p.piece_id for p in moved.pieces] != [p.piece_id for p in first.pieces]
    assert moved.held_out is not moved.windows  # some are held out wherever there are two


def test_of_few_pieces_some_are_held_out_wherever_there_are_two(tunes, capsys) -> None:
    every = training_pieces(tunes)
    short = replace(every[0].window(0, 4), piece_id="short")
    assert short.piece_id not in {p.piece_id for part in own_parts([short, *every[1:3]]).values() for p in part}
    assert "1 of 3 pieces have no eight whole bars" in capsys.readouterr().out
    for count, held_out in ((1, 0), (2, 1), (3, 1), (10, 1)):
        parts = own_parts(every[:count])
        assert len(parts["train"]) >= max(1, count // 2), count
        assert held_out <= len(parts["validation"]) + len(parts["test"]) < count, count
    with pytest.raises(MusicError, match="eight whole bars"):
        own_parts([every[0].window(0, 4)])


def test_nothing_to_resume_and_nothing_to_train_on_are_told_in_words(tmp_path) -> None:
    with pytest.raises(SystemExit, match=r"no .*state\.safetensors to resume"):
        style.main(["--preset", "tiny", "--out", str(tmp_path), "--resume"])
    with pytest.raises(SystemExit, match="nothing to train on"):
        style.main(["--preset", "tiny", "--out", str(tmp_path / "run"), "--data", str(tmp_path / "none")])
    with pytest.raises(SystemExit, match=r"python -m models\.train\.style"):
        prior.main(["--out", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"cannot be used: no style model at .*none"):
        style.main(["--preset", "tiny", "--out", str(tmp_path), "--from", str(tmp_path / "none")])
    (tmp_path / "state.safetensors").write_bytes(b"nothing")
    for command in (style.main, prior.main):
        with pytest.raises(
            SystemExit, match=r"the run in .* cannot go on: .*state\.safetensors is not what a training"
        ):
            command(["--preset", "tiny", "--out", str(tmp_path), "--resume"])
    with pytest.raises(SystemExit, match="is no folder and cannot be made one"):
        style.main(["--preset", "tiny", "--out", str(tmp_path / "state.safetensors")])
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "zeros.mid").write_bytes(bytes(100))
    with pytest.raises(SystemExit, match=r"none of the 1 files in .* can be read, such as zeros\.mid: .*MThd"):
        style.main(["--preset", "tiny", "--out", str(tmp_path / "run"), "--data", str(tmp_path / "only")])


def test_the_prior_hears_windows_of_all_songs_even_where_it_takes_few(music, monkeypatch) -> None:
    monkeypatch.setattr(prior_training, "ENCODED", dict.fromkeys(ENCODED, 40))
    seen: list[bytes] = []

    def listening(clips, shifts):
        seen.extend(clip.tobytes() for clip in clips)
        return pad(clips, shifts)

    monkeypatch.setattr(prior_training, "pad", listening)
    model = StyleModel(TINY.config).eval()
    mean, log_variance, setting = encode_windows(model, music.windows, seed=0)
    assert mean.shape == log_variance.shape == (40, 8, model.config.latent_dim)
    assert len(setting) == 40
    assert {int(key) for key in setting.key} <= set(range(KEYS))
    spans = {music.windows.tokens[a:b].tobytes(): i for i, (a, b) in enumerate(music.windows.spans)}
    songs = {int(music.windows.piece[spans[clip]]) for clip in seen}
    assert len(songs) > 0.6 * len(set(music.windows.piece[music.windows.start].tolist()))
