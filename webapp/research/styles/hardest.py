"""The chart of the hardest styles over one training run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from models.experiments.run_log import rows
from webapp.research.figures import Drawn
from webapp.research.plots.hardest import hardest
from webapp.research.plots.paper import Source
from webapp.research.styles.training_log import LOG, choices, chosen
from webapp.runtime.settings import Settings

COLUMNS = ("step", "style", "loss", "share", "hardest")
ONE = "Of this run only the last validation was kept; a curve needs two."
NONE = "No style model has been validated in this run yet."


def draw(style_folder: Path, settings: Settings, name: str) -> Drawn:
    """What is left of each style's first loss at every validation; raises as ``chosen`` does."""
    folder, runs = style_folder, settings.runs_folder
    name, run, _ = chosen(folder, runs, name)
    told = []
    for place, step in enumerate(run.steps if len(run.steps) > 1 else ()):
        shares = {style: values[place] / values[0] for style, values in run.losses.items() if values[0] > 0}
        most = max(shares, key=shares.__getitem__, default="") if place else ""
        told += [(step, style, run.losses[style][place], share, style == most) for style, share in shares.items()]
    frame = pd.DataFrame(told, columns=list(COLUMNS))
    about = next((row for row in rows(choices(folder, runs)[name] / LOG) if row["kind"] == "run"), {})
    source = Source((name,), *(tuple(filter(None, [about.get(key)])) for key in ("data", "commit")))
    return Drawn(hardest(frame, source), frame, source, {"told": ONE if run.steps else NONE})
