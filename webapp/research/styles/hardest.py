"""Curves of the Styles page, a line a style, over one training run: what is left of its loss, its rate, its swaps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from models.experiments.run_log import rows
from webapp.research.figures import Drawn
from webapp.research.plots.hardest import hardest
from webapp.research.plots.paper import Source
from webapp.research.styles.training_log import CARD, LOG, Probes, Run, choices, chosen
from webapp.runtime.errors import NotAllowed
from webapp.runtime.settings import Settings

COLUMNS = ("step", "style", "loss", "share", "hardest")
CURVES = {  # name → what is chosen, and what stands at the axis
    "losses": ("Loss left", "loss, share of the first"),
    "bits": ("Bits a bar", "bits a bar of its latents"),
    "curiosity": ("Cost of swaps", "nats a note, share of the first"),
}
ONE = "Of this run only the last validation was kept; a curve needs two."
NONE = "No style model has been validated in this run yet."
NOT_CURIOUS = "This run did not choose what to train on by learning progress, so its swaps were not measured."


def draw(style_folder: Path, settings: Settings, name: str, what: str = "losses") -> Drawn:
    """One of ``CURVES`` at every validation of a run; raises as ``chosen`` does, and ``NotAllowed`` for another."""
    if what not in CURVES:
        raise NotAllowed(f"the curve {what[:20]!r} was asked for; there are {', '.join(CURVES)}")
    folder, runs = style_folder, settings.runs_folder
    name, run, probes = chosen(folder, runs, name)
    frame = pd.DataFrame(_told(run, probes, what), columns=list(COLUMNS))
    source = Source((name,), *(tuple(filter(None, [each])) for each in _data_and_commit(choices(folder, runs)[name])))
    missing = NOT_CURIOUS if what == "curiosity" else ONE if run.steps else NONE
    drawn = hardest(frame, source, CURVES[what][1], of="loss" if what == "bits" else "share")
    return Drawn(drawn, frame, source, {"told": _sentence(frame, what) if len(frame) else missing})


def _data_and_commit(folder: Path) -> tuple[str | None, str | None]:
    """What a run was trained on and with, as its log begins with, or its model's card."""
    about = next((row for row in rows(folder / LOG) if row["kind"] == "run"), None)
    if about is None and (folder / CARD).exists():
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        about = {"data": card.get("data", {}).get("hash"), "commit": card.get("commit")}
    return (about or {}).get("data"), (about or {}).get("commit")


def _told(run: Run, probes: Probes, what: str) -> Iterator[tuple[int, str, float, float, bool]]:
    """Rows of the frame; what is measured once makes no curve, but rates stand beside one another then."""
    steps: Sequence[int] = probes.steps if what == "curiosity" else run.steps
    series: Mapping[str, Sequence[float]] = run.bits if what == "bits" else run.losses
    if what == "curiosity":
        arms = dict.fromkeys(arm for costs in probes.costs for arm in costs)
        whole = [arm for arm in arms if all(arm in costs for costs in probes.costs)]
        series = {arm: [costs[arm] for costs in probes.costs] for arm in whole}
    for place, step in enumerate(steps if len(steps) > 1 or what == "bits" else ()):
        shares = {style: values[place] / values[0] for style, values in series.items() if values[0] > 0}
        most = max(shares, key=shares.__getitem__, default="") if place and what != "bits" else ""
        yield from ((step, style, series[style][place], share, style == most) for style, share in shares.items())


def _sentence(frame: pd.DataFrame, what: str) -> str:
    """What the curves come to at their end."""
    last = frame[frame["step"] == frame["step"].max()].sort_values("loss" if what == "bits" else "share")
    least, most = last.iloc[0], last.iloc[-1]
    if what == "bits":
        bits = f"{most['style']} hold {most['loss']:.1f} bits a bar, the most, and those of {least['style']}"
        return f"At step {most['step']:,} the latents of {bits} {least['loss']:.1f}."
    of = "loss it began with" if what == "losses" else "cost it began with"
    return (
        f"At step {most['step']:,} {most['style']} is the hardest: {100 * most['share']:.0f} % of the {of} is left; "
        f"of {least['style']} {100 * least['share']:.0f} %."
    )
