"""Logs as they are shipped: rounded, with fewer predictions, and still logs."""

import pytest

from models.experiments import run_log
from models.experiments.run_log import RunLog, rows

TOP = [{"item": f"tune:{i}", "label": f"Tune {i}", "score": 0.123456, "right": i == 0} for i in range(10)]


def log(folder, seed=0, *, ended=True):
    folder.mkdir(parents=True)
    with RunLog(folder / "log.jsonl") as writer:
        writer.write("run", what="titles", seed=seed, data="abc", commit="def")
        writer.write("metrics", step=1, part="train", values={"loss": 2.98581457, "steps": 3})
        writer.write("prediction", step=1, direction="title_to_melody", query="a", label="a", pool=9, rank=2, top=TOP)
        if ended:
            writer.write("end", step=1, reason="finished", best=0.0956728)


def test_figures_keep_four_digits_and_the_first_seed_its_predictions(tmp_path):
    for seed in (0, 1):
        log(tmp_path / "runs" / f"cnn-{seed}", seed)
    run_log.main([str(tmp_path / "runs"), str(tmp_path / "out")])
    first, second = (rows(tmp_path / "out" / f"cnn-{seed}" / "log.jsonl") for seed in (0, 1))
    assert [row["kind"] for row in first] == ["run", "metrics", "prediction", "end"]
    assert [row["kind"] for row in second] == ["run", "metrics", "end"]
    assert first[1]["values"] == {"loss": 2.986, "steps": 3}
    assert len(first[2]["top"]) == run_log.NEAREST
    assert second[0] == {"line": 0, "kind": "run", "what": "titles", "seed": 1, "data": "abc", "commit": "def"}


def test_a_run_that_goes_on_is_not_shipped(tmp_path):
    log(tmp_path / "runs", ended=False)
    with pytest.raises(SystemExit, match="not ended"):
        run_log.main([str(tmp_path / "runs"), str(tmp_path / "out")])
