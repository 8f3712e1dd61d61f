"""A tiny picture model from nothing: trained, gone on with, and measured on a folder of one's own."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models.evaluate import picture as evaluate
from models.picture import training
from models.picture.autoencoder import PRESETS
from models.train import picture as train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Discs and squares of many colours, each a series of its own, and one file that is no picture."""
    folder = tmp_path_factory.mktemp("drawn")
    rng = np.random.default_rng(0)
    down, across = np.mgrid[:60, :60]
    rows = ["path,category,title"]
    for index in range(36):
        name = "".join(chr(97 + int(letter)) for letter in rng.integers(0, 26, 8))
        kind = ("discs", "squares")[index % 2]
        middle, size = rng.integers(18, 42, 2), rng.integers(6, 18)
        away = np.abs(np.stack([down - middle[0], across - middle[1]]))
        inside = np.hypot(*away) < size if kind == "discs" else away.max(0) < size
        pixels = np.full((60, 60, 3), 255, np.uint8)
        pixels[inside] = rng.integers(0, 220, 3)
        (folder / kind).mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / kind / f"{name}.png")
        rows.append(f"{kind}/{name}.png,{kind},{name}")
    (folder / "broken.png").write_bytes(b"none")
    (folder / "metadata.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


def test_a_tiny_model_is_trained_resumed_and_measured(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KALLOS_CORPORA", "")
    asked = ["--preset", "tiny", "--data", str(drawn), "--out", str(tmp_path)]
    monkeypatch.setattr("models.picture.training.EVERY", 3)
    monkeypatch.setattr("models.metrics.two_sample.VOTERS", 1)  # the classifier takes most of the time
    train.main([*asked, "--steps", "3"])
    train.main([*asked, "--steps", "6", "--resume"])
    told = capsys.readouterr().out.splitlines()
    assert any(line.startswith("broken.png: ") for line in told)
    assert json.loads(told[-1])["command"] == "models.train.picture"
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in log if row.get("part") == "validation"] == [3, 6]

    evaluate.main(["--data", str(drawn), "--model", str(tmp_path / "bundle"), "--limit", "24"])
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    metrics = result["metrics"]
    assert result["data"]["n"] == 24
    assert {"picture.psnr", "picture.ssim", "picture.two_sample", "picture.category"} <= metrics.keys()
    assert {f"picture.swap.{group}.own" for group in ("palette", "light", "line")} <= metrics.keys()
    assert metrics["picture.psnr"]["value"] > 5
    assert metrics["picture.psnr"]["baseline"] is None  # no training drawings are there
    assert metrics["picture.latents.category"]["value"] is not None
    assert metrics["picture.decoder.two_sample"]["value"] is not None
    assert metrics["picture.category"]["value"] is None  # none of them can be drawn in another's styles


def test_a_run_that_was_killed_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (40, 96, 96, 3)).astype(np.uint8)
    parts = {"train": pixels[:36], "validation": pixels[36:]}
    monkeypatch.setattr(training, "EVERY", 2)
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()

    def run(name: str, *, resume: bool) -> dict[str, torch.Tensor]:
        preset = PRESETS["tiny"]
        model, *_ = training.train(parts, preset, tmp_path / name, seed=0, resume=resume, about={}, steps=5)
        return model.state_dict()

    calls, step_loss = [], training.step_loss

    def killed(*given: Any) -> dict[str, torch.Tensor]:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return step_loss(*given)

    whole = run("whole", resume=False)
    with monkeypatch.context() as patch:
        patch.setattr(training, "step_loss", killed)
        with pytest.raises(KeyboardInterrupt):
            run("killed", resume=False)
    resumed = run("killed", resume=True)
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_pictures_without_categories_have_none(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KALLOS_CORPORA", "")
    for path in sorted((drawn / "discs").iterdir())[:6]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    evaluate.main(["--data", str(tmp_path)])
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])["metrics"]
    assert metrics["picture.latents.category"]["value"] is None
    assert metrics["picture.decoder.two_sample"]["value"] is None  # six are too few
    assert metrics["picture.psnr"]["value"] > 5
