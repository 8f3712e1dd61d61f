import json
import logging

import numpy as np
import pytest

from models.evaluate import performance as evaluation
from models.experiments.run_log import rows
from models.style.performance.player import load_performance_model
from models.train.performance import main

pytestmark = pytest.mark.slow


def test_a_run_goes_on_where_it_was_killed_and_can_be_evaluated(performed, tmp_path, capsys, caplog, monkeypatch):
    caplog.set_level(logging.ERROR, logger="models")
    monkeypatch.setenv("KALLOS_CORPORA", "")
    out = tmp_path / "run"
    main([str(performed), "--preset", "tiny", "--out", str(out), "--steps", "10"])
    first = json.loads(capsys.readouterr().out.splitlines()[-1])
    main([str(performed), "--preset", "tiny", "--out", str(out), "--steps", "20", "--resume"])
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (first["steps"], last["steps"]) == (10, 20)
    assert last["validation"]["sum"] < first["validation"]["sum"]
    log = rows(out / "log.jsonl")
    assert [row["line"] for row in log] == list(range(len(log)))
    bundle = load_performance_model(out / "bundle")
    assert bundle.version == last["version"]
    assert bundle.card["data"]["pieces"] + len(json.loads((out / "bundle" / "held_out.json").read_text())["test"]) <= 4

    evaluation.main(["--data", str(performed), "--model", str(out / "bundle")])
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["command"] == "evaluate.performance"
    # four songs are too few for a classifier, not for distances
    assert result["metrics"]["performance.deadpan"]["n"] == 0
    assert result["metrics"]["performance.late_ms.deadpan"]["value"] > 5
    assert np.isfinite(result["metrics"]["performance.velocity.ours"]["value"])
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "0.mid").write_bytes((performed / "0.mid").read_bytes())
    evaluation.main(["--data", str(alone), "--model", str(out / "bundle")])
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])["metrics"]
    assert {metric["value"] for metric in metrics.values()} == {None}  # one song has no other to differ from
    assert metrics.keys() == result["metrics"].keys()
