"""What the learned codes mean, on the styles page: pieces by the values of a code, and a sentence on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, cast

import gradio as gr

from models.music.notes import Domain
from models.style.latents import CODE_COUNT, CODE_LEVELS
from webapp.context import Context
from webapp.research.styles import codes
from webapp.runtime import commands
from webapp.runtime.errors import Problem
from webapp.ui.choosing import kinds_of_music
from webapp.ui.components.clip_list import ClipList
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.dashboards import STILL, copied
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import CHOICE, explain
from webapp.ui.pages.style_parts import csv_link, radio

MEANING = (
    "The model learned four codes by itself, with five values each. Play a code's two ends, then what lies between: "
    "all that has a name is average there. Pieces of pop are composed."
)
ENDS = {0: ", the lowest", CODE_LEVELS - 1: ", the highest"}


def build_codes(context: Context, listener: ListenerToken, tab: gr.Tab) -> None:
    """Pieces by the values of a code, looked for when their ``tab`` is opened."""
    explain(MEANING)
    with gr.Row(elem_classes="k-bar"):
        domain = kinds_of_music("dance")
        code = radio([(f"Code {number}", number) for number in range(1, CODE_COUNT + 1)], "Code", 1)
    told = gr.HTML(elem_id="code-told", **STILL)
    pieces = ClipList(columns=True, elem_id="code-pieces")
    about = gr.HTML(**STILL)
    command = commands.evaluation("evaluate.code_examples", context.style_folder)
    fill = copied(command, visible=False, elem_id="codes-fill")
    wanted = gr.State(value=False)  # the tab may be opened before it is known who listens
    tab.select(lambda: True, None, wanted, **CHOICE)
    triggers = [wanted.change, listener.change, domain.input, code.input]
    inputs = [wanted, listener, domain, code]
    gr.on(triggers, bound(hear_codes, context), inputs, [told, pieces, about, fill], **CHOICE)


def hear_codes(
    context: Context,
    wanted: bool,  # noqa: FBT001 (as Gradio gives it)
    token: str | None,
    domain: str,
    number: int,
) -> Iterator[list[Any]]:
    """Pieces by the values of a code in one kind of music, and a sentence on it."""
    if wanted:
        yield ['<p class="k-meaning" aria-busy="true">Listening through the pieces…</p>', *[gr.skip()] * 3]
    if not wanted or not token:
        yield [gr.skip()] * 4
        return
    try:
        found = codes.read_codes(context.studio, listener_of(context, token), cast("Domain", domain)).to_json()
    except (Problem, ValueError) as error:
        yield [f'<p class="k-meaning">{escape(str(error))}</p>', *[gr.skip()] * 3]
        return
    code = next(each for each in found["codes"] if each["code"] == number)
    there = {piece["level"] for piece in code["pieces"]}
    missing = ", ".join(str(level + 1) for level in range(CODE_LEVELS) if level not in there)
    without = f" Nothing here has the value {missing}." if missing else ""
    pieces = [
        {
            **piece,
            "heading": f"Value {piece['level'] + 1} of {CODE_LEVELS}{ENDS.get(piece['level'], '')}",
            "detail": f"{piece['title']} ({piece['from']})",
        }
        for piece in code["pieces"]
    ]
    yield [
        f'<p class="k-meaning">Code {number}: {escape(code["told"])}{without}</p>',
        pieces,
        _codes_about(found["about"], current=not found["fill"]),
        gr.update(visible=bool(found["fill"])),
    ]


def _codes_about(about: Mapping[str, Any] | None, *, current: bool) -> str:
    if not about:
        told = "No real pieces were chosen for this model yet; these are composed ones. This command chooses some:"
        return f'<p class="k-about"><span>{told}</span></p>'
    stale = "" if current else " They were chosen for another model than the one that plays; this asks that one:"
    table = csv_link("api/styles/tables/codes.csv", "Codes beside what has a name")
    return (
        f'<p class="k-about"><span>Measured and chosen by {about["version"]} among {about["data"]["n"]} pieces (data '
        f"{about['data']['hash']}), commit {about['commit'][:12]}, seed {about['seed']}.{stale}</span>"
        f"{csv_link('api/styles/codes.csv', 'Pieces by code')}{table}</p>"
    )
