"""The tabs of the styles page with a matrix: what swaps do, which play, and what one style tells of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, cast
from urllib.parse import urlencode

import gradio as gr

from models.metrics.music_statistics import ATTRIBUTES
from models.music.notes import Domain
from webapp.context import Context
from webapp.research.styles import matrices, tables, walk
from webapp.research.styles.matrices import EXPLAINED, MEASURES, Matrix
from webapp.research.styles.tables import LABELS, Table
from webapp.research.styles.walk import Composed
from webapp.runtime.errors import NotAllowed
from webapp.ui.choosing import kinds_of_music
from webapp.ui.components.clip_list import ClipList, playing
from webapp.ui.components.heat_map import HeatMap
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.dashboards import STILL, copied
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import CHOICE, QUIET, explained, status
from webapp.ui.pages.style_parts import csv_link, origin, patiently, radio
from webapp.ui.waits import Wait
from webapp.ui.words import capital, unbroken

SWAPS = (
    "One style of a piece is taken from another piece, the donor. Side effects should be near 0, and as much of the "
    "piece as possible should be kept."
)
SWAPPING = "Composing two pieces, and the first with the style of the second…"
TITLES = {  # of tables, where they are taken along
    "moods": "Moods", "swaps": "Follows the donor", "drift": "Side effects", "after": "What is kept",
    **{table: title for title, table in MEASURES.values()},
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """The components of a matrix: its sentence, itself, where it comes from, and what measures it where nothing has."""

    told: gr.HTML
    map: HeatMap
    about: gr.HTML
    fill: gr.Code

    def end(self) -> None:
        """Where the figures come from, at the end of the tab."""
        parts: tuple[Any, ...] = (self.about, self.fill)  # Gradio's render has no types
        for part in parts:
            part.render()

    @property
    def outputs(self) -> tuple[Any, ...]:
        """What a handler fills with ``shown``."""
        return self.told, self.map, self.about, self.fill


def _place(name: str, label: str) -> Place:
    """The sentence and the matrix stand here; what tells where they come from waits for ``end``."""
    return Place(
        gr.HTML(elem_id=f"{name}-told", **STILL), HeatMap(label=label, elem_id=f"{name}-matrix"),
        gr.HTML(elem_id=f"{name}-about", render=False, **STILL),
        copied(visible=False, elem_id=f"{name}-fill", render=False),
    )  # fmt: skip


def build_swaps(context: Context, listener: ListenerToken) -> Place:
    """What swaps do, and one to hear."""
    place = _place("swaps", "What swaps do")
    with gr.Row(elem_classes="k-bar"):
        domain = kinds_of_music("pop")
        another = gr.Button("Another pair of pieces", size="sm", interactive=False)
    wait = Wait(elem_id="swap-said")
    clips = ClipList(together=True, elem_id="swap-clips")
    pressed, seed = gr.State(), gr.State(0)
    pressing = place.map.select(press, place.map, pressed, **CHOICE)
    drawing = another.click(lambda number: number + 1, seed, seed, **QUIET)
    changing = domain.input(a_cell, pressed, **CHOICE)
    for trigger in (pressing.then, drawing.then, changing.success):
        wait.on(
            trigger, SWAPPING, bound(hear, context), [listener, pressed, domain, seed], [wait.told, clips, another],
            **CHOICE,
        )  # fmt: skip
    place.end()
    return place


def build_leakage(context: Context) -> None:
    """What one style tells of another, by the measure that is chosen."""
    measure = radio([(title, name) for name, (title, _) in MEASURES.items()], "Measure", "canonical")
    place = _place("leakage", "What one style tells of another")
    # when the page opens too, so that the measure that was chosen last is the one that is shown
    gr.on(None, bound(choose_measure, context), measure, place.outputs, **CHOICE)
    place.end()


def build_moods() -> Place:
    """Which style carries a mood."""
    place = _place("moods", "Which style carries a mood")
    place.end()
    return place


def measured(context: Context) -> dict[str, Table]:
    """The tables of the model that plays, by name."""
    try:
        found = tables.all_tables(context.style_folder, context.settings.runs_folder)
    except (ValueError, OSError) as error:
        raise NotAllowed(f"what was measured can't be read: {error}") from error
    return {table.name: table for table in found}


def choose_measure(context: Context, measure: str) -> list[Any]:
    """The leakage matrix by another measure."""
    return shown_leakage(measured(context), measure)


def shown_swaps(found: Mapping[str, Table]) -> list[Any]:
    """Updates of the matrix of swaps."""
    return _shown(matrices.swaps(found), SWAPS)


def shown_leakage(found: Mapping[str, Table], measure: str) -> list[Any]:
    """Updates of the leakage matrix."""
    return _shown(matrices.leakage(found, measure), EXPLAINED[measure])


def shown_moods(found: Mapping[str, Table]) -> list[Any]:
    """Updates of the matrix of moods."""
    return _shown(matrices.moods(found["moods"]), matrices.MOODS_EXPLAINED)


def _shown(matrix: Matrix, how: str) -> list[Any]:
    first = matrix.tables[0]
    if not first.about:
        nothing = "<p>Nothing has been measured of this model yet. This command measures it:</p>"
        return [nothing, gr.update(visible=False), "", gr.update(value=first.fill, visible=True)]
    links = " ".join(csv_link(f"api/styles/tables/{each.name}.csv", TITLES[each.name]) for each in matrix.tables)
    stale = (
        "" if first.current else " <strong>These are other weights than those that play; this measures those:</strong>"
    )
    return [
        f'<p class="k-result">{escape(unbroken(capital(matrix.told)))}</p>{explained(escape(how))}',
        gr.update(value=matrix.value, visible=True),
        f'<p class="k-about"><span>{escape(origin(first.about))}{stale}</span>{links}</p>',
        gr.update(value=first.fill, visible=not first.current),
    ]


def press(value: Mapping[str, Any], event: gr.EventData) -> dict[str, str]:
    """The styles of the cell that was pressed: which is swapped, and which it tells of."""
    column = value["columns"][event.column]
    row = value["rows"][event.row]["name"]
    return {"group": row, "other": column if column in ATTRIBUTES.values() else row}


def a_cell(pressed: Mapping[str, str] | None) -> None:
    """Raises what nobody sees where no cell was pressed: there is no swap to compose in another kind of music."""
    if not pressed:
        raise gr.Error("no cell was pressed", visible=False, print_exception=False)


def hear(
    context: Context, token: str | None, pressed: Mapping[str, str], domain: str, seed: int
) -> tuple[str, Any, dict[str, Any]]:
    """Compose the swap of a cell and play it."""
    listener_of(context, token)
    asked = walk.AskedSwap(pressed["group"], cast("Domain", domain), seed)
    made = patiently(lambda: walk.swap(context.studio, asked))
    return _compared(made, pressed), playing(_clips(asked, made)), gr.update(interactive=True)


def _attribute(style: str) -> str:
    return next(name for name, group in ATTRIBUTES.items() if group == style)


def _compared(made: Mapping[str, Composed], pressed: Mapping[str, str]) -> str:
    """What became of the style that is swapped, and of the one that the pressed cell tells of."""
    values = {part: each.to_json()["attributes"] for part, each in made.items()}
    told = []
    for style in dict.fromkeys((pressed["group"], pressed["other"])):
        name = _attribute(style)
        piece, donor, swapped = (f"{values[part][name]:.4g}" for part in walk.PARTS)
        told.append(f"{capital(LABELS[name])}: {piece} before, {swapped} after; the donor has {donor}.")
    return status(" ".join(told))


def _clips(asked: walk.AskedSwap, made: Mapping[str, Composed]) -> list[dict[str, Any]]:
    """The result first, since it is the one that sounds at once."""
    name = _attribute(asked.group)
    headings = {
        "swapped": f"With the donor's {asked.group}",
        "piece": "The piece as it was",
        "donor": f"The donor of the {asked.group}",
    }
    query = urlencode(vars(asked))
    clips = []
    for part, heading in headings.items():
        told = made[part].to_json()
        clips.append({
            "heading": heading,
            "detail": f"{LABELS[name]} {told['attributes'][name]:.4g}",
            "seconds": told["seconds"],
            "bars_s": told["bars_s"],
            "audio_url": f"/api/styles/swap/{part}/flac?{query}",
            "notes_url": f"/api/styles/swap/{part}/notes?{query}",
        })  # fmt: skip
    return clips
