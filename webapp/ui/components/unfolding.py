"""What a piece has told and what it foretells, as it unfolds: it grows with the bar that sounds on the page.

Run ``python -m webapp.ui.components.unfolding`` for a page of ten lines that shows one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from models.style.bundle import CARD, WEIGHTS
from models.tension.curves import Curves, Horizon, Recognition
from webapp.ui.components.component import Component

SHIPPED = WEIGHTS / "tension-cpu" / CARD
AHEAD = {1: "In one bar", 2: "In two bars", 4: "In four bars"}
TASKS = {
    "domain": "Kind of music", "collection": "Collection", "meter": "Meter", "key": "Key",
    "valence": "Valence", "arousal": "Arousal",
}  # fmt: skip
NAMES = {
    "pop": "pop piano", "dance": "dance tune", "chorale": "chorale",
    "oneills1850": "O'Neill's", "cre": "Breathnach's", "ryansMammoth": "Ryan's", "airdsAirs": "Aird's",
}  # fmt: skip
OF_DANCE = "collection"  # other kinds have one each
LANES = (
    "How likely each bar was foreseen to be like one of the eight before it, one, two and four bars earlier. A "
    "coloured foot: so it was."
)
TRUST = "How often the heads are right"
ABOUT_TRUST = (
    "On test pieces that they never met. Beside how often each is right stands the commonest class of the kind of "
    "music, and how far on average the chances lie from how often they came true."
)
MARKUP = f"""
<figure class="kallos k-unfolding" style="visibility: hidden" data-testid="unfolding" hidden>
  <h3>What it has told</h3>
  <div class="k-unfolding-room"><table data-part="heard"></table></div>
  <h3>What comes</h3>
  <p data-part="now" aria-live="off"></p>
  <p class="k-unfolding-about">{LANES}</p>
  <div data-part="coming"></div>
  <details><summary>{TRUST}</summary><p>{ABOUT_TRUST}</p>
    <div class="k-unfolding-room"><table data-part="trust"></table></div></details>
</figure>"""


@dataclass(frozen=True)
class Unfolded:
    """What is shown: the curves of a piece, the number of its first bar, and its name where it sounds on the page."""

    curves: Curves
    name: str = ""
    first_bar: int = 1


class Unfolding(Component):
    """A table of what was recognised after one, two, four and eight bars, above what each bar was foreseen to be.

    While the piece sounds on the page, it shows only what could be known by then; else everything.

    Args:
        value: An ``Unfolded``, or ``None`` for nothing.
    """

    script = "unfolding.js"
    described = "what was recognised after some bars, and what was foreseen of each"

    def __init__(self, value: Unfolded | None = None, **settings: Any) -> None:
        super().__init__(value, html_template=MARKUP, **settings)

    def postprocess(self, value: Any) -> Any:
        """What the script draws, all in words and shares of the height."""
        return None if value is None else drawn(value.curves, value.name, value.first_bar)


def drawn(found: Curves, name: str = "", first_bar: int = 1) -> dict[str, Any] | None:
    """As the script takes it; None where no head has anything to say."""
    if not found.recognitions:
        return None
    shown = [each for each in found.recognitions if each.task != OF_DANCE or found.domain == "dance"]
    first = first_bar + found.silent_bars
    return {
        "name": name, "bars": len(found.surprise), "first_bar": first, "silent": found.silent_bars,
        "marks": list(shown[0].after), "told": [_told(each) for each in shown],
        "coming": [_coming(each, first) for each in found.horizons],
        "trust": trusted(tuple(each.task for each in shown), found.domain),
    }  # fmt: skip


def _told(each: Recognition) -> dict[str, Any]:
    return {
        "name": TASKS[each.task],
        "cells": [
            {
                "label": NAMES.get(row[0][0], row[0][0]), "chance": row[0][1],
                "rest": ", ".join(f"{NAMES.get(label, label)} {_share(chance)}" for label, chance in row),
            }
            for row in each.likeliest
        ],
    }  # fmt: skip


def _coming(each: Horizon, first_bar: int) -> dict[str, Any]:
    """By the bar that came: the column of a bar has what was foreseen of it ``ahead`` bars earlier."""
    bars, ahead = len(each.returns), each.ahead
    said = [
        None
        if chance is None
        else f"{chance:.0%} like one of the last eight, most likely bar {(like or 0) + first_bar}"
        for chance, like in zip(each.returns, each.like, strict=True)
    ]
    nats = [
        None
        if doubt is None
        else f"uncertainty {doubt:.0f} nats" + (f", surprise {came:.0f}" if came is not None else "")
        for doubt, came in zip(each.uncertainty, each.surprise, strict=True)
    ]
    late = [None] * min(ahead, bars)
    return {
        "name": AHEAD[ahead], "ahead": ahead, "said": said,
        "heights": [*late, *each.returns][:bars], "came": [*late, *each.returned][:bars],
        "values": [*late, *(told and f"{told}; {more}" for told, more in zip(said, nats, strict=True))][:bars],
    }  # fmt: skip


def trusted(tasks: tuple[str, ...], domain: str) -> list[list[str]]:
    """How often the shipped heads are right on test pieces, a row a head; none where their card doesn't say."""
    found = _figures(SHIPPED)
    rows = [["", "right after 1, 2, 4, 8 bars", "commonest", "chances off by"]]
    for task in tasks:
        if figures := found.get(task):
            right = ", ".join(_share(figures["accuracy"][mark][0]) for mark in figures["accuracy"])
            row = [TASKS[task], right, _share(figures["majority"]), _share(figures["calibration_error"][0])]
            rows.append(row)
    for ahead, name in AHEAD.items():
        if figures := found.get(f"in_{ahead}"):
            own = figures["by_domain"].get(domain, {})
            came = f"foreseen {_share(own['expected_returns'])}, came {_share(own['returned'])}" if own else "–"
            rows.append([f"{name}: like one before", came, "", _share(figures["calibration_error"][0])])
    return rows if len(rows) > 1 else []


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}".replace("%", "\u00a0%")


@cache
def _figures(card: Path) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = json.loads(card.read_text(encoding="utf-8"))["heads"]["test"]
    except (OSError, ValueError, KeyError):
        return {}
    return found


if __name__ == "__main__":
    import gradio as gr

    from models.music.abc import read_abc
    from models.tension.score import curves, load_tension
    from webapp.ui.components.demo import TUNES

    with gr.Blocks() as demo:
        Unfolding(Unfolded(curves(load_tension(), read_abc(TUNES)[0])), interactive=True)
    demo.launch()
