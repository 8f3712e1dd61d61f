"""The evaluation of a style model, whole and in its parts, on real tunes with a tiny model."""

import json
import re

import pytest

from models.evaluate import style
from models.experiments import report
from models.style.checkpoint import load_style
from models.style.compose import Composer
from models.style.evaluation.reconstruction import NOISE
from models.style.latents import STYLE_GROUPS

pytestmark = pytest.mark.slow


def test_the_last_line_is_the_json_of_the_contract(tunes, weights, capsys) -> None:
    style.main(["--data", str(tunes), "--model", str(weights), "--limit", "3", "--seed", "3", "--save"])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(report.read_evaluations(weights)["evaluate.style"].metrics) == set(found["metrics"])
    assert (found["command"], found["schema"], found["seed"]) == ("evaluate.style", 1, 3)
    assert (found["data"]["n"], found["model"]["version"]) == (3, "tiny-0")
    assert re.fullmatch("[0-9a-f]{64}", found["model"]["sha256"])
    assert found["model"]["writer"] == Composer(load_style(weights)).writer.version
    names = {f"swap.{group}.{name}" for group in STYLE_GROUPS for name in ("own", "melody_kept", "original_found")}
    names |= {"reconstruction.note_f1", "swap.rhythm.on.harmony", "drift.rhythm.harmony.sd", "cycle.rhythm"}
    names |= {"swap.several_2.own", "compose.seconds_8", "swap.harmony.reachable", "quality.two_sample_decoder"}
    assert names <= set(found["metrics"])
    bits = [found["metrics"][f"reconstruction.noise_{times}.bits_per_bar"]["value"] for times in NOISE]
    assert found["metrics"]["reconstruction.bits_per_bar"]["value"] == pytest.approx(bits[0])
    assert bits[0] > bits[1] > bits[2]
    assert 0 < found["metrics"]["quality.in_key"]["baseline"] <= 1


def test_no_music_or_too_little_is_told_in_words(tmp_path, weights) -> None:
    with pytest.raises(SystemExit, match="nothing to evaluate on"):
        style.main(["--data", str(tmp_path), "--model", str(weights)])
    (tmp_path / "tune.abc").write_text("X:1\nM:4/4\nL:1/8\nK:C\n" + "CDEFGABc|" * 16, encoding="ascii")
    with pytest.raises(SystemExit, match="songs of eight bars: 1, 8 are needed"):
        style.main(["--data", str(tmp_path), "--model", str(weights)])
    (tmp_path / "tune.abc").write_text("X:1\nM:4/4\nL:1/8\nK:C\n" + "CDEFGABc|" * 208, encoding="ascii")
    with pytest.raises(SystemExit, match="songs of eight bars: 1, 8 are needed"):  # however many clips of it there are
        style.main(["--data", str(tmp_path), "--model", str(weights)])
