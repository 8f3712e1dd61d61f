"""The study of simulated listeners that comes with Kallos, for the Listeners page before anybody has voted.

``kallos study simulate`` makes it (``webapp.research.simulation``).
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from webapp.research import plots
from webapp.research.figures import Drawn
from webapp.research.plots import Source

NAME = "simulated"
FILE = Path(__file__).with_suffix(".json")
PLOTS = {
    "kinds": plots.kinds,
    "ceilings": plots.ceilings,
    "calibration": plots.calibration,
    "policies": plots.policies,
    "popularity": plots.popularity,
}


def size() -> tuple[int, int]:
    """How many listeners there are, and how often each of them voted."""
    return _study()["listeners"], _study()["votes"]


def draw(name: str) -> Drawn:
    """The figure called ``name``, as ``study_listeners.draw`` drew it."""
    study = _study()
    found = study["figures"][name]
    frame = pd.DataFrame(**found["frame"])
    run = f"simulated study, {study['listeners']} listeners with {study['votes']} votes each, model {study['model']}"
    source = Source((run,), tuple(found["data"]), tuple(found["commits"]))
    return Drawn(PLOTS[name](frame, source), frame, source, {"told": found["told"]})


@cache
def _study() -> dict[str, Any]:
    study: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return study
