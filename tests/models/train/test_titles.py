from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.progress import Progress

from models.experiments.run_log import RunLog, ended, rows
from models.music.grouping import title_key
from models.title.melody_encoders import MelodyConfig
from models.title.title_encoders import TitleConfig
from models.title.training import (
    NEAREST,
    WATCHED,
    PairBatches,
    Preset,
    TitleRun,
    Validation,
    Variation,
    ensemble,
    train,
    varied_notes,
    varied_title,
)
from models.title.tunes import FIELDS, Tune
from models.title.two_tower import TwoTower, load_towers
from models.title.writer import load_writer
from models.train.titles import main

pytestmark = pytest.mark.slow

NOUNS = ("Cow", "Hen", "Mill", "Glen", "Lass")


def small_run(tunes: list[Tune], steps: int = 12) -> TitleRun:
    melody, title = MelodyConfig(hidden=16, dim=16, layers=1), TitleConfig(hidden=16, dim=16)
    preset = Preset(steps, 32, 5e-3, 4, 50, ("cnn-cnn",), melody, title)
    return TitleRun("small", preset, "cnn-cnn", 3, (), {"train": tunes[:80], "validation": tunes[80:], "test": []})


class KilledError(Exception):
    """What stands for a kill."""


def killed_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = PairBatches.draw

    def dying(self: PairBatches, at: int) -> tuple[torch.Tensor, torch.Tensor]:
        if at == step:
            raise KilledError
        return draw(self, at)

    monkeypatch.setattr(PairBatches, "draw", dying)


def plain(path: Path) -> list[Mapping[str, Any]]:
    return [{k: v for k, v in row.items() if k != "commit"} for row in rows(path)]


def test_killed_and_resumed_a_run_has_no_gap_and_no_double(
    made_tunes: list[Tune], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, quiet = small_run(made_tunes), Progress(disable=True)
    straight = train(run, tmp_path / "a", resume=False, device="cpu", progress=quiet)
    with monkeypatch.context() as context:
        killed_at(7, context)
        with pytest.raises(KilledError):
            train(run, tmp_path / "b", resume=False, device="cpu", progress=quiet)
    logged = rows(tmp_path / "b" / "log.jsonl")
    assert max(row["step"] for row in logged if "step" in row) == 7
    assert not ended(tmp_path / "b" / "log.jsonl")
    with (tmp_path / "b" / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"line": 99, "kind": "met')  # the line at which it was killed
    resumed = train(run, tmp_path / "b", resume=True, device="cpu", progress=quiet)
    assert plain(tmp_path / "a" / "log.jsonl") == plain(tmp_path / "b" / "log.jsonl")
    assert [row["line"] for row in rows(tmp_path / "b" / "log.jsonl")] == list(
        range(len(plain(tmp_path / "a" / "log.jsonl")))
    )
    assert resumed.best_score == straight.best_score
    for name, value in straight.best.items():
        assert torch.equal(value, resumed.best[name]), name


def test_a_run_that_ended_is_left_alone(made_tunes: list[Tune], tmp_path: Path) -> None:
    run, quiet = small_run(made_tunes, 4), Progress(disable=True)
    first = train(run, tmp_path, resume=False, device="cpu", progress=quiet)
    log = (tmp_path / "log.jsonl").read_bytes()
    again = train(run, tmp_path, resume=True, device="cpu", progress=quiet)
    assert (tmp_path / "log.jsonl").read_bytes() == log
    assert all(torch.equal(value, again.best[name]) for name, value in first.best.items())


def test_towers_learn_what_titles_and_tunes_have_in_common(made_tunes: list[Tune], tmp_path: Path) -> None:
    training = train(small_run(made_tunes, 40), tmp_path, resume=False, device="cpu", progress=Progress(disable=True))
    found = rows(tmp_path / "log.jsonl")
    validated = [row["values"] for row in found if row["kind"] == "metrics" and row["part"] == "validation"]
    chance = validated[0]["title_to_melody.chance_mrr"]
    assert training.best_score > 1.4 * chance  # knowing reels from jigs, and no more, gives 1.7 times chance
    assert max(values["melody_to_title.mrr"] for values in validated) > 1.4 * chance


def test_training_stops_when_validation_gets_no_better(
    made_tunes: list[Tune], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Validation, "measures", lambda *_: {"mrr": 0.5})
    run = small_run(made_tunes, 60)
    patient = TitleRun(run.preset_name, Preset(**{**vars(run.preset), "patience": 2}), "bag-bag", 0, (), run.parts)
    training = train(patient, tmp_path, resume=False, device="cpu", progress=Progress(disable=True))
    assert (training.step, training.best_step) == (12, 4)
    assert rows(tmp_path / "log.jsonl")[-1]["reason"] == "no better validation"


def test_the_watch_list_is_the_same_all_the_time_and_says_what_is_nearest(
    made_tunes: list[Tune], tmp_path: Path
) -> None:
    train(small_run(made_tunes, 8), tmp_path, resume=False, device="cpu", progress=Progress(disable=True))
    seen = [row for row in rows(tmp_path / "log.jsonl") if row["kind"] == "prediction"]
    steps = sorted({row["step"] for row in seen})
    assert steps == [0, 4, 8]
    lists = [[(row["direction"], row["query"]) for row in seen if row["step"] == step] for step in steps]
    assert lists[0] == lists[1] == lists[2]
    assert len(set(lists[0])) == 2 * WATCHED
    for row in seen:
        scores = [item["score"] for item in row["top"]]
        assert len(scores) == NEAREST
        assert scores == sorted(scores, reverse=True)
        right = [place for place, item in enumerate(row["top"], 1) if item["right"]]
        assert right[:1] == ([row["rank"]] if row["rank"] <= NEAREST else [])


def test_a_batch_holds_no_near_duplicates_and_no_title_twice(made_tunes: list[Tune]) -> None:
    doubled = [
        *made_tunes,
        *(Tune(f"{t.name}b", t.source, ("Another",), t.genre, t.group, t.notes) for t in made_tunes[:40]),
        *(Tune(f"{t.name}c", t.source, t.titles, t.genre, f"{t.group}c", t.notes) for t in made_tunes[:40]),
    ]
    batches = PairBatches(doubled, 64, 0)
    for step in range(5):
        pairs = batches.pairs(step)
        assert len({tune.group for tune, _ in pairs}) == len(pairs) == 64
        assert len({title_key(title) for _, title in pairs}) == len(pairs)
    assert [t.name for t, _ in batches.pairs(1)] == [t.name for t, _ in PairBatches(doubled, 64, 0).pairs(1)]
    assert [t.name for t, _ in batches.pairs(1)] != [t.name for t, _ in batches.pairs(2)]


def test_variation_leaves_notes_to_hear_and_words_to_read(made_tunes: list[Tune]) -> None:
    rng, wild = np.random.default_rng(0), Variation(1.0, 0.1, 0.9, 0.9)
    for tune in made_tunes[:40]:
        notes = varied_notes(tune.notes, wild, rng)
        assert len(notes) >= 2
        assert (notes[:, FIELDS.index("position")] >= 0).all()
        assert varied_title("The Cow", wild, rng) in {"The Cow", "The", "Cow"}
    still = Variation(0.0, 1.0, 0.0, 0.0)
    assert np.array_equal(varied_notes(made_tunes[0].notes, still, rng), made_tunes[0].notes)


def test_a_log_that_lost_lines_is_not_gone_on_with(tmp_path: Path) -> None:
    with RunLog(tmp_path / "log.jsonl") as log:
        log.write("run")
    with pytest.raises(ValueError, match="saved state knows of 3"):
        RunLog(tmp_path / "log.jsonl", keep=3)


@pytest.fixture(scope="module")
def abc_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("abc")
    tunes = []
    for number in range(60):
        bars = "|".join("".join(rng.choice(list("DEFGABcdef"), size=8)) for _ in range(8))
        title = f"{NOUNS[number % 5]} {number} of the {'Glen' if number % 2 else 'Mill'}x"
        tunes.append(f"X:{number}\nT:{title}\nM:4/4\nL:1/8\nK:D\n{bars}|\n")
    (folder / "tunes.abc").write_text("\n".join(tunes), encoding="utf-8")
    return folder


def test_the_command_trains_on_a_folder_and_writes_towers_that_load(
    abc_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--preset", "tiny", "--data", str(abc_folder), "--out", str(tmp_path), "--steps", "4"]
    main([*arguments, "--variants", "bag-bag,cnn-rnn", "--without", "key"])
    assert f"--model {tmp_path / 'bundle'} --data {abc_folder}" in capsys.readouterr().out.replace("\n", "")
    bundle = load_towers(tmp_path / "bundle")
    runs = {"bag-bag-no_key-0", "cnn-rnn-no_key-0"}
    assert set(bundle.card["members"]) <= runs
    assert all(member.config.melody.without == ("key",) for member in bundle.towers.towers)
    assert len(bundle.held_out["test"]) > 0
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"bundle", *runs}
    assert load_towers(tmp_path / "cnn-rnn-no_key-0").card["members"] == ["cnn-rnn-no_key-0"]
    main([*arguments, "--variants", "bag-bag,cnn-rnn", "--without", "key", "--resume"])
    assert load_towers(tmp_path / "bundle").card["sha256"] == bundle.card["sha256"]


def test_the_runs_that_are_named_make_the_bundle_and_make_it_again(abc_folder: Path, tmp_path: Path) -> None:
    names = ["bag-bag-no_cadences-0", "bag-bag-no_key-3"]
    asked = f"{names[0]},{names[1]}@2"
    arguments = ["--preset", "tiny", "--data", str(abc_folder), "--steps", "4", "--members", asked, "--out"]
    for out in (tmp_path / "once", tmp_path / "again"):
        main([*arguments, str(out)])
    bundle, again = (load_towers(tmp_path / out / "bundle") for out in ("once", "again"))
    assert bundle.card["members"] == names
    assert bundle.card["steps"] == dict(zip(names, (4, 2), strict=True))
    assert [member.config.melody.cadences for member in bundle.towers.towers] == [False, True]
    assert [member.config.melody.without for member in bundle.towers.towers] == [(), ("key",)]
    assert bundle.card["sha256"] == again.card["sha256"]


def test_the_command_trains_a_writer_of_titles_and_makes_it_again(abc_folder: Path, tmp_path: Path) -> None:
    arguments = ["--preset", "tiny", "--data", str(abc_folder), "--writer", "--out"]
    for out in (tmp_path / "once", tmp_path / "again"):
        main([*arguments, str(out)])
    bundle, again = (load_writer(tmp_path / out / "writer") for out in ("once", "again"))
    assert bundle.card["sha256"] == again.card["sha256"]
    assert bundle.card["steps"] > 0
    assert bundle.card["validation"]["nats"] < 3  # below log of the letters, 3.7: it knows some words by now
    assert set(bundle.held_out) == {"validation", "test"}


def test_what_cannot_be_trained_is_said(tmp_path: Path) -> None:
    for arguments, message in (
        (["--variants", "cnn-nothing"], "cnn-nothing was given; there are linear-linear, bag-bag"),
        (["--data", "nowhere"], "nothing to train on"),
    ):
        with pytest.raises(SystemExit, match=message):
            main(["--preset", "tiny", "--out", str(tmp_path), *arguments])


def test_an_ensemble_takes_whom_it_is_better_with(made_tunes: list[Tune], monkeypatch: pytest.MonkeyPatch) -> None:
    run, validation = small_run(made_tunes), Validation.of(made_tunes[80:])
    right, rng = validation.pools[0].right, np.random.default_rng(0)
    good, other, bad = (right + noise * rng.normal(size=right.shape) for noise in (0.4, 0.4, 50.0))
    tables = iter([[bad], [good], [other]])
    monkeypatch.setattr(Validation, "scores", lambda *_: next(tables))
    candidates = [TwoTower(run.config) for _ in range(3)]
    assert sorted(ensemble(validation, candidates)) == [1, 2]
