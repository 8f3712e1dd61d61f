"""The styles page for researchers: how far styles can be told apart, in figures, and a walk along each that plays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from webapp.context import Context
from webapp.research.styles import hardest, tables, training_log
from webapp.research.styles.tables import Table
from webapp.runtime.errors import NotAllowed
from webapp.ui.charts import Chart, chart, section
from webapp.ui.components.contents import Contents
from webapp.ui.components.heat_map import HeatMap, compared
from webapp.ui.components.view_link import ViewLink, chosen
from webapp.ui.dashboards import STILL
from webapp.ui.handlers import bound
from webapp.ui.layout import QUIET, heading, page
from webapp.ui.pages.style_codes import build_codes
from webapp.ui.pages.style_parts import as_code, csv_link
from webapp.ui.pages.style_walk import build_walk

# name of the table, its title, what it says
TABLES = (
    (
        "swaps",
        "Swaps",
        """One style of a clip is taken from another clip. Framed: how well the result then has the donor's own
        (Spearman over clips; harmony: correlation of half-bar chroma). The others should be near 0: what the
        donor's style did to everything else.""",
    ),
    (
        "drift",
        "Drift",
        """How far the other attributes move in such a swap, in standard deviations of real clips. Composing the same
        clip twice moves them too; that stands in brackets.""",
    ),
    (
        "after",
        "What a swap leaves",
        """The tune's notes that are still there, as a share of those that survive without a swap; how often the
        original is found among 100 by its melody; and how far the donor's latents are missed when the result is
        encoded again.""",
    ),
    (
        "both",
        "Styles in music and in latents, side by side",
        """For every two styles, how they go together in real clips, by the attribute that names each, and in the model,
        by the two directions of their latents, out of all, that go together most: so the latents' figure is the most
        that one could tell of the other, and where it is near the music's the model has mixed nothing in. As
        correlation, and as bits that one tells of the other. In brackets: shuffled clips.""",
    ),
    (
        "spearman",
        "Styles in real music",
        """How the attributes that name the styles go together in real clips (Spearman within one kind of music). No
        model should be asked to part what music joins.""",
    ),
    (
        "information",
        "Information they share",
        "The same as mutual information in bits, which finds more than what is monotone. In brackets: shuffled clips.",
    ),
    (
        "reading",
        "What can be read from which latents",
        """The share of an attribute (R²) that a linear reading finds in each group's latents, on songs that it was not
        fitted on. Framed: from its own group. Elsewhere it has leaked, as far as music itself does not join the
        two: what the other group's named attributes tell stands in brackets. Below 0: worse than knowing nothing.""",
    ),
    (
        "canonical",
        "Most correlated directions",
        """The correlation of the two directions of two groups that go together most, bar by bar, on songs that they
        were not chosen on.""",
    ),
    (
        "codes",
        "What the learned codes say",
        """Of each style code of a piece, which nobody has named, its entropy in bits (of those that its values could
        hold in brackets), and how it goes together with what has a name (Spearman within one kind of music). The
        walk above plays their ends.""",
    ),
    (
        "rates",
        "Rates",
        """How many bits a bar each group's latents hold, and how many of their dimensions (of all in brackets) carry
        anything.""",
    ),
    (
        "losses",
        "Losses over training",
        """The loss, at each validation, of what each style tells of the notes: pitch for content, onsets for rhythm,
        height for register, pitch classes for harmony, velocity for dynamics, tempo, notes an onset for texture.
        Tinted by how much is left of the first; framed: the style that has improved least.""",
    ),
    (
        "curiosity",
        "Hardest swaps over training",
        """For training by learning progress: what clips of one kind of music with one style of others cost, in nats a
        note, whenever they were asked about. Tinted by how much is left of the first; framed: the hardest. In
        brackets: how far it had moved lately, by which the next batches were drawn.""",
    ),
    ("bits", "Rates over training", "Bits a bar of each group's latents at each validation."),
)
OVER_TRAINING = ("losses", "curiosity", "bits")
COMPARED = {  # what stands in brackets below the figures of a table
    "swaps": "baseline", "drift": "baseline", "after": "baseline", "information": "chance", "reading": "baseline",
    "canonical": "chance", "both": "chance", "rates": "reference", "codes": "reference", "curiosity": "baseline",
}  # fmt: skip
LEAD = "How far each style can be changed alone, what else moves with it, and how that sounds."
HARDEST = (
    "Hardest styles over training",
    (
        "How much is left, at each validation of a run, of the loss that each style began with; the large point is "
        "the style that has improved least. The tables below are of the same run."
    ),
)
READING = """
<details class="k-reading" open><summary>How to read the tables</summary>
  <p class="k-explain">The large figure is what was measured. Below it, “.80 to .86” is the range in which it would fall
    19 times of 20 with other songs of the same kind (a 95 % interval): two figures whose ranges overlap much may be the
    same, and a correlation whose range holds 0 may be chance. A figure in brackets is what it stands beside; each table
    says what that is. The stronger a cell is tinted, the larger its figure, in the second colour where it is below 0.
    Every table can be taken along as CSV, with the weights, data and commit that it comes from.</p>
</details>"""


@dataclass(frozen=True)
class Room:
    """The components of a table."""

    map: HeatMap
    about: gr.HTML


def build(context: Context) -> None:
    """The page at ``/styles``."""
    with page("styles") as listener:
        with gr.Row(elem_classes="k-ask"):
            heading("Styles", LEAD)
        link = build_walk(context, listener)
        build_codes(context, listener)
        _build_tables(context, link)


def _build_tables(context: Context, link: ViewLink) -> None:
    """What was measured, and over which training run."""
    begin = {"meaning": "What codes mean", "hardest": "Hardest styles"}
    contents = Contents(begin | {name: title for name, title, _ in TABLES})
    gr.HTML(READING, **STILL)
    rooms = {each[0]: _table(*each) for each in TABLES if each[0] not in OVER_TRAINING}
    with section(*HARDEST, elem_id="hardest"):
        with gr.Row(elem_classes="k-bar"):
            run = gr.Dropdown(label="Training run", filterable=False, elem_id="choose-run", interactive=True)
        curve = chart("hardest", HARDEST[0], address="/api/styles/hardest")
    rooms |= {each[0]: _table(*each) for each in TABLES if each[0] in OVER_TRAINING}
    shown = [part for room in rooms.values() for part in (room.map, room.about)]
    figures = [run, *curve.outputs, *shown]
    gr.on(None, bound(read_run, context, curve, tuple(rooms)), None, [*figures, contents], **QUIET)
    run.input(bound(choose_run, context, curve, tuple(rooms)), run, [*figures, link], **QUIET)


def _table(name: str, title: str, explained: str) -> Room:
    with section(title, explained, elem_id=name):
        return Room(HeatMap(label=title, elem_id=f"table-{name}"), gr.HTML(elem_id=f"about-{name}", **STILL))


# what was measured


def read_run(context: Context, curve: Chart, names: Sequence[str], request: gr.Request) -> list[Any]:
    """Every table, those over training of the run that the address names."""
    return [*_measured(context, curve, names, chosen(request, "run")), True]


def choose_run(context: Context, curve: Chart, names: Sequence[str], run: str) -> list[Any]:
    """Every table, those over training of another run."""
    return [*_measured(context, curve, names, run), {"run": run}]


def _measured(context: Context, curve: Chart, names: Sequence[str], run: str) -> list[Any]:
    folder, runs = context.style_folder, context.settings.runs_folder
    there = list(training_log.choices(folder, runs))
    try:
        found = {table.name: table for table in tables.all_tables(folder, runs, run)}
        name = training_log.chosen(folder, runs, run)[0]
        drawn = hardest.draw(folder, context.settings, name)
    except KeyError as error:
        raise NotAllowed(f"there is no style run {run[:80]!r}; there are {', '.join(there[:20])}") from error
    except (ValueError, OSError) as error:
        raise NotAllowed(f"what was measured can't be read: {error}") from error
    return [
        gr.update(choices=there, value=name),
        *curve.shown(drawn, {"run": name}, str(drawn.details["told"])),
        *(part for each in names for part in _shown(found[each], name)),
    ]


def _shown(table: Table, run: str) -> tuple[Any, str]:
    if not table.about:
        return gr.update(visible=False), _unmeasured(table.fill)
    told = table.to_json()
    cells = compared(told["cells"], COMPARED.get(table.name, ""))
    sentence = f'<p class="k-meaning">{escape(table.told)}</p>' if table.told else ""
    stale = (
        f" <strong>These are other weights than the ones that play. This measures those: {escape(table.fill)}</strong>"
    )
    query = f"?{urlencode({'run': run})}" if table.name in OVER_TRAINING else ""
    csv = csv_link(f"api/styles/tables/{table.name}.csv{query}", told["name"])
    about = f"{escape(_origin(table.about))}{'' if table.current else stale}"
    return (
        gr.update(value={**told, "cells": cells}, visible=True),
        f'{sentence}<p class="k-about"><span>{about}</span>{csv}</p>',
    )


def _unmeasured(fill: str) -> str:
    return f'<p class="k-fill">Nothing has been measured here yet. This fills it: {as_code(fill)}</p>'


def _origin(about: Mapping[str, Any]) -> str:
    """Where the figures of a table come from."""
    if about.get("log"):
        return f"From the log {about['log']}."
    weights, commit = ((about.get(name) or "")[:12] for name in ("model_sha256", "commit"))
    return (
        f"{about['command']} of {about['model_version']} (weights {weights}) on {about['data_n']} clips (data "
        f"{about['data_hash']}), commit {commit}, seed {about['seed']}."
    )
