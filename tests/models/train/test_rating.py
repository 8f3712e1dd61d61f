import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file

from models.evaluate import rating as evaluation
from models.experiments.report import Report
from models.experiments.run_log import rows
from models.rating import crossfit, synthetic
from models.rating.crossfit import CrossFit
from models.rating.material import load_material
from models.rating.mel_bands import SAMPLE_RATE_HZ
from models.rating.plays import read_plays
from models.rating.rater import load_bundle, load_mel, rate
from models.rating.real_sounds import load_real
from models.rating.sound import read_sound
from models.rating.training import PRESETS
from models.train.rating import main
from tests.models.rating.conftest import TRACKS, chord, played_folder

pytestmark = pytest.mark.slow

__all__ = ["played_folder"]


def networks_without_a_tagger_are_trained_and_saved(given, out, folder, capsys):
    bundle = out / "bundle"
    assert load_mel(bundle) is None
    main([*given, "--out", str(out), "--mel", str(bundle)])
    capsys.readouterr()
    mel, own = load_mel(bundle), load_bundle(bundle)
    assert [each.fold for each in mel.members] == [0, 1, 2, 3, 4]
    sound = read_sound(folder / "audio" / "t3.wav")
    both = [rate(own, sound, each).p for each in (None, mel)]
    assert both[0] != both[1]
    with pytest.raises(SystemExit, match="other tracks, or with another seed"):
        main([*given, "--seed", "4", "--out", str(out), "--mel", str(bundle)])
    evaluation.main(["--data", str(folder), "--model", str(bundle), "--dreams", "0", "--save"])
    assert "dream.both.judge" not in capsys.readouterr().out
    (saved,) = json.loads((bundle / "orderings.json").read_text())[folder.name]
    figures = {"rating.pairs.ours", "rating.pairs.mel", "rating.pairs.trees", "rating.ceiling.audible"}
    assert figures <= set(saved["metrics"])
    evaluation.main(["--data", str(folder), "--model", str(bundle), "--only-mel", "--save"])
    capsys.readouterr()
    earlier, now = json.loads((bundle / "orderings.json").read_text())[folder.name]
    assert set(now["metrics"]) == {"rating.pairs.mel"}
    assert now["metrics"]["rating.pairs.mel"] == saved["metrics"]["rating.pairs.mel"]
    assert "rating.pairs.mel" not in earlier["metrics"]
    with (bundle / "mel.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match="copy the whole folder again"):
        load_mel(bundle)
    (bundle / "mel.json").unlink()


def test_a_run_that_was_killed_goes_on_to_the_same_weights_and_is_evaluated(
    played_folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(evaluation, "STEPS", 3)
    monkeypatch.setattr(evaluation, "SECONDS", 2.9)
    monkeypatch.setattr(evaluation, "MOST", 3)
    monkeypatch.setattr(evaluation, "EACH", 2)
    monkeypatch.setattr(evaluation, "TREES", 20)
    monkeypatch.setattr(synthetic, "EACH", 1)
    monkeypatch.setattr(synthetic, "STRINGS", 6)
    given = ["--data", str(played_folder), "--preset", "tiny", "--steps", "6"]
    main([*given, "--out", str(tmp_path / "whole")])
    whole = json.loads(capsys.readouterr().out.splitlines()[-1])

    class KilledError(Exception):
        pass

    member = CrossFit.member

    def third(self, planned):
        if planned.fold == 3:
            raise KilledError
        return member(self, planned)

    monkeypatch.setattr(CrossFit, "member", third)
    with pytest.raises(KilledError):
        main([*given, "--out", str(tmp_path / "killed")])
    monkeypatch.setattr(CrossFit, "member", member)
    main([*given, "--out", str(tmp_path / "killed"), "--resume", "--no-excerpts"])
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == whole
    a, b = (load_bundle(tmp_path / name / "bundle") for name in ("whole", "killed"))
    assert a.card["sha256"] == b.card["sha256"]
    assert set(load_real(a.folder).digests) == set(a.folds)
    assert load_real(b.folder) is None
    card = tmp_path / "killed" / "bundle" / "card.json"
    card.write_text(card.read_text().replace(a.card["tagger"], "tagger-other"))
    load_bundle.cache_clear()
    with pytest.raises(ValueError, match="listens through tagger-other, and tagger-msd-"):
        load_bundle(tmp_path / "killed" / "bundle")
    log = rows(tmp_path / "killed" / "log.jsonl")
    assert [row["line"] for row in log] == list(range(len(log)))
    assert len(log) == len(rows(tmp_path / "whole" / "log.jsonl"))

    main([*given, "--out", str(tmp_path / "whole"), "--ablate", "whole", "without_mixup"])
    capsys.readouterr()
    evaluated = ["--data", str(played_folder), "--model", str(tmp_path / "whole" / "bundle"), "--dreams"]
    networks_without_a_tagger_are_trained_and_saved(given, tmp_path / "whole", played_folder, capsys)
    evaluation.main([*evaluated, "2"])
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])["metrics"]
    assert metrics["rating.pairs.mean"]["value"] == 0.5
    assert metrics["rating.pairs.ours"]["n"] == TRACKS
    assert {
        "rating.ceiling",
        "rating.ablation.without_mixup.pairs",
        "rating.response.scrape.outlier",
        "dream.both.judge",
        "dream.waveform.judge",
    } <= set(metrics)

    soundfile.write(tmp_path / "new.wav", np.tile(chord(5), 2), SAMPLE_RATE_HZ)
    found = rate(a, read_sound(tmp_path / "new.wav"))
    assert found.p is None or found.low <= found.p <= found.high


def test_a_kill_while_a_network_is_written_leaves_no_state_to_the_next(played_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic, "EACH", 1)
    monkeypatch.setattr(synthetic, "STRINGS", 6)
    material = load_material(read_plays(played_folder), quiet=True)
    recipe = replace(PRESETS["tiny"][0], steps=2)

    class KilledError(Exception):
        pass

    def trained(name, *, resume):
        (tmp_path / name).mkdir(exist_ok=True)
        CrossFit(material, tmp_path / name, "tiny", seed=0).train(recipe, 1, resume=resume)
        return rows(tmp_path / name / "log.jsonl")

    whole = trained("whole", resume=False)
    for last in ("0-0", "4-0"):  # after it comes a network that this one's state fits, and the judge

        def save_and_die(state, path, *about, last=last):
            save_file(state, path, *about)
            if path.name.startswith(f"network-{last}"):
                raise KilledError

        with monkeypatch.context() as patch:
            patch.setattr(crossfit, "save_file", save_and_die)
            with pytest.raises(KilledError):
                trained(last, resume=False)
        assert trained(last, resume=True) == whole
        for path in (tmp_path / "whole").glob("network-*.safetensors"):
            one, other = load_file(path), load_file(tmp_path / last / path.name)
            assert all(torch.equal(value, other[name]) for name, value in one.items()), path.name


def test_a_model_that_is_trained_again_keeps_nothing_of_the_one_before(played_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic, "EACH", 1)
    monkeypatch.setattr(synthetic, "STRINGS", 6)
    given = ["--data", str(played_folder), "--preset", "tiny", "--steps", "2", "--out", str(tmp_path / "run")]
    bundle, kept = tmp_path / "run" / "bundle", tmp_path / "kept"
    beside = ("mel.json", "mel.safetensors", "ablations.json")
    main(given)
    main([*given, "--mel", str(bundle)])
    main([*given, "--ablate", "whole", "without_mixup"])
    shutil.copytree(bundle, kept)
    load_bundle.cache_clear()
    main([*given, "--seed", "1"])  # other folds
    assert not any((bundle / name).exists() for name in beside)
    for name in beside:
        shutil.copy(kept / name, bundle)
    with pytest.raises(SystemExit, match=r"beside rating-tiny-0-\w+, and rating-tiny-1-\w+ is here"):
        evaluation.main(["--data", str(played_folder), "--model", str(bundle)])
    every = json.loads((bundle / "ablations.json").read_text())
    digest = min(every["whole"])
    del every["whole"][digest]
    (bundle / "ablations.json").write_text(json.dumps(every))
    material, own = load_material(read_plays(played_folder), quiet=True), load_bundle(bundle)
    report = Report("evaluate.rating", {}, {}, 0)
    evaluation.add_ablations(report, own, material, np.array([own.folds[each] for each in material.digests]))
    assert set(report.metrics) == {"rating.ablation.without_mixup.pairs"}  # of the other a track is missing


def test_excerpts_alone_are_made_with_their_terms_and_nothing_is_trained(played_folder, tmp_path, capsys):
    given = ["--data", str(played_folder), "--out", str(tmp_path / "run"), "--excerpts", str(tmp_path / "real")]
    main([*given, "--of", "made-up chords", "--terms", "ours"])
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    about = load_real(tmp_path / "real").about
    assert (about["of"], about["terms"], about["data"]) == ("made-up chords", "ours", line["data"])
    assert about["tracks"] == line["tracks"] == TRACKS
    assert not (tmp_path / "run" / "bundle").exists()
