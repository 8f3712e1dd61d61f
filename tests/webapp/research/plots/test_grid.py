from __future__ import annotations

import pandas as pd
import pytest

from webapp.research.figure_names import figure_of, rank
from webapp.research.plots.grid import MOST_POINTS, looks, panel, smoothed


def frame(runs: list[str], steps: int) -> pd.DataFrame:
    rows = [(run, "train", "loss", step, 1 / step) for run in runs for step in range(1, steps + 1)]
    return pd.DataFrame(rows, columns=["run", "part", "figure", "step", "value"])


def test_a_smoothed_line_forgets_its_beginning_and_stays_where_nothing_changes() -> None:
    assert smoothed([3.0] * 5, 0.9) == pytest.approx([3.0] * 5)
    assert smoothed([1.0, 3.0], 0.5) == pytest.approx([1.0, 7 / 3])
    assert smoothed([1.0, 3.0], 0.0) == [1.0, 3.0]


def test_a_long_line_keeps_its_ends_and_no_more_points_than_are_seen() -> None:
    drawn = panel(frame(["a"], 5000), looks(["a"]), "loss", smoothing=0.5, log=False)
    assert [len(line.x) for line in drawn.data] == [MOST_POINTS, MOST_POINTS]
    assert (drawn.data[0].x[0], drawn.data[0].x[-1]) == (1, 5000)


def test_the_same_thing_has_one_name_in_every_log_and_the_loss_comes_first() -> None:
    assert {figure_of(*each) for each in (("style", "total"), ("pieces", "mean"), ("titles", "loss"))} == {"loss"}
    assert figure_of("titles", "title_to_melody.recall_10") == "recall@10, title → tune"
    assert figure_of("pieces", "pop.pitch") == "loss, pop, pitch"
    assert figure_of("style", "kl.tempo") == "nats of tempo a bar"
    logged = ["gradient", "melody_to_title.dcg", "mrr", "title_to_melody.chance_mrr", "loss", "title_to_melody.mrr"]
    assert sorted((figure_of("titles", name) for name in logged), key=rank) == [
        "loss", "MRR", "MRR, title → tune", "DCG, tune → title", "MRR of chance, title → tune", "gradient norm",
    ]  # fmt: skip
