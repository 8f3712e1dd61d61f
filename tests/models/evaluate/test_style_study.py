"""The study of the style model's parts: small runs on real tunes, and the table where the answer is known."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from models.evaluate import style_study
from models.evaluate.style_study import OURS, STUDY, Figures, leak, matched, over_seeds, statistics, variants
from models.music.midi import write_midi
from models.style import objective
from models.style.latents import GROUPS, STYLE_GROUPS
from models.style.model import StyleConfig
from tests.models.style.conftest import make_tune

pytestmark = pytest.mark.slow

CLIPS = 40


@pytest.fixture(scope="module")
def many_tunes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    parts = {"train": 8, "validation": 3, "test": 5}
    lines = ["path,piece_id,split"]
    for number, part in enumerate(part for part, count in parts.items() for _ in range(count)):
        (folder / f"{number}.mid").write_bytes(write_midi(make_tune(number)))
        lines.append(f"{number}.mid,{number},{part}")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def planted(seed: int) -> Figures:
    """Rhythm is read from texture and from nothing else; every second clip can have another's register."""
    keys = [f"{one}.{other}" for one in STYLE_GROUPS for other in GROUPS if one != other]
    missed = {key: [0.1 if key == "rhythm.texture" else 1.5] * CLIPS for key in keys}
    ones = {key: [1.0] * CLIPS for key in keys}
    values = [1.0] * CLIPS
    swapped = {"register": [2.0, float("nan")] * (CLIPS // 2), "tempo": [4.0] * CLIPS}
    return Figures(OURS, seed, 2, "", 1, 0.0, {}, values, values, swapped, missed, ones)


def test_what_swaps_cost_and_what_leaks_is_told_by_style() -> None:
    figures, rows = planted(0), np.arange(CLIPS)
    found = statistics(figures, rows, rows)
    assert (found["swap.register.nats"], found["swap.tempo.nats"], found["swap.nats"]) == (2, 4, 3)
    assert leak(figures, "rhythm", rows) == pytest.approx(0.9 / 6)  # what is worse than knowing nothing counts as 0
    assert leak(figures, "register", rows) == 0


def test_an_interval_covers_seeds_as_well_as_songs() -> None:
    same_songs = np.repeat(np.array([[1.0], [2.0], [3.0]]), 101, 1)
    metric = over_seeds(same_songs, 5)
    assert metric.value == 2
    assert (metric.low, metric.high) == (pytest.approx(1, abs=0.4), pytest.approx(3, abs=0.4))
    one_seed = over_seeds(same_songs[:1], 5)
    assert one_seed.low == one_seed.high == 1


def test_quantised_latents_have_the_rate_that_was_measured() -> None:
    rates = {group: 10.0 * place for place, group in enumerate(GROUPS, start=1)}
    config = matched(STUDY, rates).config
    bits = {group: config.latent[group] * np.log2(config.levels) for group in GROUPS}
    assert config.latent["tempo"] == 1  # a scale, not quantised
    for group in GROUPS:
        assert group == "tempo" or abs(bits[group] - rates[group]) <= np.log2(config.levels) / 2


def test_each_variant_differs_from_ours_in_one_thing() -> None:
    whole = variants(STUDY)
    assert whole.pop(OURS) == whole.pop("fsq") == STUDY  # the latter's sizes come from a measured rate
    assert {name: preset == STUDY for name, preset in whole.items()} == dict.fromkeys(whole, False)
    assert whole["unswapped"].schedule.swapped == 0
    assert whole["unswapped"].batch > STUDY.batch  # so many notes are told in a step as with swaps
    assert whole["curious"].steps < STUDY.steps  # probes cost something


@pytest.fixture
def small(monkeypatch) -> None:
    config = StyleConfig(dim=16, layers=1, heads=2, hidden=16, memory=8, max_steps=12)
    monkeypatch.setattr(style_study, "STUDY", replace(STUDY, batch=200, config=config))
    monkeypatch.setattr(style_study, "DRAWS", 3)
    monkeypatch.setattr(objective, "VALIDATION_STEPS", 100)


def test_the_command_trains_measures_and_takes_up_where_it_was_stopped(many_tunes, small, tmp_path, capsys) -> None:
    asked = ["--data", str(many_tunes), "--out", str(tmp_path), "--steps", "2", "--clips", "3", "--seeds", "1"]
    asked += ["--variants", "ours,fsq,adversarial"]
    style_study.main(asked)
    first = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert first["command"] == "evaluate.style_study"
    metrics = first["metrics"]
    assert {"ours.nats_per_note", "fsq.swap.nats", "fsq.bits_per_bar.less_ours", "ours.swap.harmony.nats"} <= set(
        metrics
    )
    row = json.loads((tmp_path / "adversarial-0" / "log.jsonl").read_text().splitlines()[-2])
    assert row["apart"] < 0  # what an adversary that has learned nothing finds
    assert metrics["fsq.bits_per_bar"]["value"] == pytest.approx(metrics["ours.bits_per_bar"]["value"], rel=0.25)
    kept = (tmp_path / "ours-0" / "figures.json").stat().st_mtime_ns

    style_study.main([*asked, "--resume"])
    again = json.loads(capsys.readouterr().out.splitlines()[-1])["metrics"]
    assert (tmp_path / "ours-0" / "figures.json").stat().st_mtime_ns == kept
    assert again["ours.nats_per_note"] == metrics["ours.nats_per_note"]
    with pytest.raises(SystemExit, match="has 2 steps and 3 clips; 4 and 3 are asked for"):
        style_study.main([*asked, "--steps", "4", "--resume"])


def test_only_runs_of_this_study_are_taken_up(many_tunes, small, tmp_path, monkeypatch) -> None:
    lines = (many_tunes / "metadata.csv").read_text(encoding="utf-8").splitlines()
    other, out = tmp_path / "other", tmp_path / "out"
    shutil.copytree(many_tunes, other)
    (other / "metadata.csv").write_text("\n".join([lines[0], *lines[2:]]) + "\n", encoding="utf-8")
    asked = ["--out", str(out), "--steps", "2", "--clips", "3", "--seeds", "1", "--variants", "ours"]
    style_study.main([*asked, "--data", str(many_tunes)])
    with pytest.raises(SystemExit, match="ours-0 is of other music: give --data as before, or another --out"):
        style_study.main([*asked, "--data", str(other), "--resume"])
    figures = out / "ours-0" / "figures.json"
    kept = json.loads(figures.read_text(encoding="utf-8"))
    figures.write_text(json.dumps({name: value for name, value in kept.items() if name != "data"}), encoding="utf-8")
    with pytest.raises(SystemExit, match="is of other music"):  # as far as anybody can tell
        style_study.main([*asked, "--data", str(many_tunes), "--resume"])
    figures.unlink()
    with pytest.raises(SystemExit, match="holds a run of another study"):
        style_study.main([*asked, "--data", str(other), "--resume"])

    def killed(*arguments, **more):
        raise KeyboardInterrupt

    figures.write_text(json.dumps(kept), encoding="utf-8")
    monkeypatch.setattr(style_study, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        style_study.main([*asked, "--data", str(many_tunes)])
    assert not list((out / "ours-0").glob("*"))
