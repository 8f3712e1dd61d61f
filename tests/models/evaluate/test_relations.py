"""The command on real tunes with a tiny model."""

import json
import shutil
from collections.abc import Iterator

import numpy as np
import pytest

from models.evaluate import relations
from models.experiments import report
from models.metrics.music_statistics import ATTRIBUTES
from models.style.evaluation import relations as measuring
from models.style.latents import GROUPS, STYLE_GROUPS, TONICS, Directions, Latents

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def few_draws() -> Iterator[None]:
    """Intervals are tested where they are made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "DRAWS", 8)
        patch.setattr(measuring, "HALVES", 2)
        yield


def test_the_command_tells_and_keeps_what_it_found(tunes, weights, tmp_path, capsys) -> None:
    folder = shutil.copytree(weights, tmp_path / "bundle")
    relations.main(["--data", str(tunes), "--model", str(folder), "--limit", "12", "--seed", "3", "--save"])
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["command"], line["schema"], line["seed"], line["data"]["n"]) == ("evaluate.relations", 1, 3, 12)
    names = {f"read.{name}.{group}" for name in (*ATTRIBUTES, "chroma") for group in GROUPS}
    names |= {f"rate.{group}.{name}" for group in GROUPS for name in ("bits_per_bar", "open")}
    names |= {"canonical.content.rhythm", "data.onsets_per_bar.mean_pitch.spearman", "data.contour.leap.bits"}
    assert names <= set(line["metrics"])
    kept = report.read_evaluations(folder)["evaluate.relations"]
    assert kept.of_weights(line["model"]["sha256"])
    directions = Directions.load(folder)
    assert directions.version == "tiny-0"
    assert {"rhythm", "register", "harmony"} <= set(directions.groups) <= set(STYLE_GROUPS)
    assert len(directions.groups["harmony"].per_sd) == TONICS
    sizes = {"rhythm": 3, "content": 4, "register": 2, "harmony": 3, "dynamics": 2, "tempo": 1, "texture": 2}
    still = Latents("tiny-0", {name: np.zeros((8, size), dtype=np.float32) for name, size in sizes.items()})
    for group in directions.groups:
        assert np.abs(directions.moved(still, group, 1.0, tonic=7).groups[group]).max() > 0
