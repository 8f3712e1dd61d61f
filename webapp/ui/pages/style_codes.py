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
from webapp.runtime.errors import Problem
from webapp.ui.charts import section
from webapp.ui.choosing import kinds_of_music
from webapp.ui.components.clip_list import ClipList
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.dashboards import STILL
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import QUIET
from webapp.ui.pages.style_parts import as_code, csv_link, radio

MEANING = (
    "What the learned codes mean",
    (
        "Four numbers of a piece that nobody has named, with five values each. To hear what one says, play pieces at "
        "its ends, then those between. Real pieces were chosen to be ordinary in all that has a name, so that what "
        "they share is the code; of pop no real piece may be played, so there the pool's clips stand, by the codes "
        "that the model hears in them."
    ),
)
ENDS = {0: ", the lowest", CODE_LEVELS - 1: ", the highest"}


def build_codes(context: Context, listener: ListenerToken) -> None:
    """Pieces by the values of a code."""
    with section(*MEANING, elem_id="meaning"):
        domain = kinds_of_music("dance")
        code = radio([(f"Code {number}", number) for number in range(1, CODE_COUNT + 1)], "Code", 1)
        told = gr.HTML(elem_id="code-told", **STILL)
        pieces = ClipList(elem_id="code-pieces")
        about = gr.HTML(**STILL)
    triggers = [listener.change, domain.input, code.input]
    gr.on(triggers, bound(hear_codes, context), [listener, domain, code], [told, pieces, about], **QUIET)


def hear_codes(context: Context, token: str | None, domain: str, number: int) -> Iterator[list[Any]]:
    """Pieces by the values of a code in one kind of music, and a sentence on it."""
    yield ['<p class="k-meaning" aria-busy="true">Listening through the pieces…</p>', gr.skip(), gr.skip()]
    try:
        found = codes.read_codes(context.studio, listener_of(context, token), cast("Domain", domain)).to_json()
    except (Problem, ValueError) as error:
        yield [f'<p class="k-meaning">{escape(str(error))}</p>', gr.skip(), gr.skip()]
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
        _codes_about(found["about"], found["fill"]),
    ]


def _codes_about(about: Mapping[str, Any] | None, fill: str | None) -> str:
    if not about:
        return (
            '<p class="k-about"><span>No real pieces are saved for this model; these are composed ones. This chooses '
            f"them: {as_code(fill or '')}</span></p>"
        )
    stale = f" Another model plays now; this asks it: {as_code(fill)}" if fill else ""
    return (
        f'<p class="k-about"><span>Measured and chosen by {about["version"]} among {about["data"]["n"]} pieces (data '
        f"{about['data']['hash']}), commit {about['commit'][:12]}, seed {about['seed']}.{stale}</span>"
        f"{csv_link('api/styles/codes.csv', 'Pieces by code')}</p>"
    )
