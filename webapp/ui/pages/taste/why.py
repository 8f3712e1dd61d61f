"""Why one clip is liked, style by style; the change that would raise it most, played; and the check of that claim."""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

import gradio as gr

from webapp.context import Context
from webapp.studio.pieces import OpenedPiece
from webapp.taste import claims, counterfactual, explanation
from webapp.taste.claims import Claims
from webapp.taste.counterfactual import Counterfactual
from webapp.taste.explanation import Explanation
from webapp.ui.components.clip_list import ClipList
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.taste_bars import Bar, Estimate, TasteBars
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import AWAITED, QUIET, status
from webapp.ui.words import capital, described, in_hundred, percent, style_name

ABOUT = (
    "One style, taken from another piece, that your picks say would make it better. It is composed now, and you can "
    "check blind whether we are right."
)
FOCUS = "() => { const title = document.querySelector('#why h2'); title.tabIndex = -1; title.focus(); }"


class Opened(NamedTuple):
    """What opening the section sets, in the order of its outputs."""

    section: dict[str, Any]
    clip_id: str
    title: str
    chance: str
    parts: list[Bar]
    change_text: str
    change: dict[str, Any]
    changed: list[dict[str, Any]]
    check: dict[str, Any]
    claims: str


class Changed(NamedTuple):
    """What a composed change sets, in the order of its outputs."""

    text: str
    change: dict[str, Any]
    changed: list[dict[str, Any]]
    check: dict[str, Any]
    piece: str


def build(context: Context, listener: ListenerToken, *lists: ClipList) -> None:
    """The section, which the button of a clip in one of the ``lists`` opens."""
    clip, piece = gr.State(""), gr.State("")
    with gr.Column(visible=False, elem_id="why", elem_classes="k-part-of-page") as section:
        with gr.Row():
            title = gr.Markdown("## Why?")
            close = gr.Button("Close", size="sm", scale=0)
        chance = gr.HTML(apply_default_css=False)
        with gr.Row(elem_classes="k-columns-two"):
            with gr.Column(scale=4, min_width=320):
                parts = TasteBars(interactive=True)
            with gr.Column(scale=3, min_width=320):
                gr.Markdown("### What would have to change?")
                change_text = gr.HTML(apply_default_css=False)
                with gr.Row(elem_classes="k-buttons"):
                    change = gr.Button("Try the best change", variant="primary", elem_id="change")
                changed = ClipList(together=True, interactive=True)
                with gr.Row(elem_classes="k-buttons"):
                    check = gr.Button("Offer this as a pair", elem_id="check", visible=False)
                so_far = gr.HTML(apply_default_css=False, elem_id="claims")
    for clips in lists:
        clips.act(
            bound(explain, context),
            inputs=[listener, clips],
            outputs=[section, clip, title, chance, parts, change_text, change, changed, check, so_far],
            **AWAITED,
        ).then(None, js=FOCUS)
    change.click(
        bound(try_change, context),
        inputs=[listener, clip],
        outputs=[change_text, change, changed, check, piece],
        **AWAITED,
    )
    check.click(bound(offer, context), inputs=[listener, piece], outputs=[so_far, check], **AWAITED)
    close.click(lambda: gr.update(visible=False), outputs=section, **QUIET)


def explain(context: Context, token: str | None, rows: list[dict[str, Any]], event: gr.EventData) -> Opened:
    """Open the section on the clip whose button was pressed."""
    listener_id = listener_of(context, token)
    row = rows[event.index]
    found = explanation.explain_clip(context.studio, listener_id, uuid.UUID(row["clip_id"]))
    strongest = sorted(found.parts, key=lambda part: -abs(part.points))
    return Opened(
        section=gr.update(visible=True),
        clip_id=row["clip_id"],
        title=f"## Why {row['heading'][0].lower()}{row['heading'][1:]}?",
        chance=status(chance_text(found)),
        parts=[part_bar(part) for part in strongest],
        change_text=status(ABOUT),
        change=gr.update(visible=True),
        changed=[],
        check=gr.update(visible=False),
        claims=status(claims_text(claims.of_listener(context.database, listener_id))),
    )


def try_change(context: Context, token: str | None, clip_id: str) -> Changed:
    """Compose the change that promises most."""
    found = counterfactual.compose_change(context.studio, listener_of(context, token), uuid.UUID(clip_id))
    return Changed(
        text=status(change_words(found)),
        change=gr.update(visible=False),
        changed=[_row(found.original, "As it is", found.part), _row(found.piece, "Changed", found.part)],
        check=gr.update(visible=True),
        piece=found.piece.name.partition("/")[2],
    )


def offer(context: Context, token: str | None, piece_id: str) -> tuple[str, dict[str, Any]]:
    """Offer the change as a blind pair."""
    found = claims.offer(context.clip_maker, listener_of(context, token), uuid.UUID(piece_id))
    return status(claims_text(found)), gr.update(visible=False)


def chance_text(found: Explanation) -> str:
    """How often the clip would be picked, and what the lines below say."""
    return (
        f"Beside an average piece we think you would pick it {in_hundred(found.chance)}, as far as {found.votes} "
        f"vote{'s tell' if found.votes != 1 else ' tells'}. Each line says what one style adds or takes away, with the "
        "range that we are 95 % sure of; the number is how many of the 100 it is worth."
    )


def part_bar(part: Any) -> Bar:
    """One style's part: what it adds, with its doubt, and how many of a hundred picks that is worth."""
    estimate = Estimate.normal(part.utility, part.sd)
    points = round(100 * part.points)
    return Bar(
        name=capital(style_name(part.part)),
        estimates=[estimate],
        words=capital(part.words),
        points=f"+{points}" if points > 0 else str(points).replace("-", "−"),
        decided=estimate.low > 0 or estimate.high < 0,
        described=f"{style_name(part.part)}: {part.utility:.2f}, 95 % between {estimate.low:.2f} and "
        f"{estimate.high:.2f}; {percent(part.confidence)} sure of the direction",
        test_id=f"why-{part.part}",
    )


def change_words(found: Counterfactual) -> str:
    """What was changed, what that should bring, and what it is heard to have brought."""
    style = style_name(found.part)
    if found.words.startswith("with "):
        named = found.words.removeprefix("with ")
    else:
        named = f"another {style}" if found.words == "another one" else f"the {style} {found.words}"
    came = (
        f"As it came out we expect {in_hundred(found.heard.chance)}."
        if found.heard.gain > 0
        else f"As it came out we no longer think so ({in_hundred(found.heard.chance)}): something else moved along."
    )
    beside = f"Beside this one: {', '.join(found.became)}." if found.became else "To the ear little else is different."
    return (
        f"With {named}, taken from another piece, you should pick it over this one "
        f"{in_hundred(found.expected.chance)}. {beside} {came}"
    )


def claims_text(found: Claims) -> str:
    """What became of such claims."""
    lines = []
    if found.value is not None:
        even = f", {found.equal} even" if found.equal else ""
        lines.append(
            f"Such claims so far: {found.right} right, {found.wrong} wrong{even}. That is {percent(found.value)} "
            f"(95 %: {percent(found.low)} to {percent(found.high)}, whenever you look); tossing a coin: 50 %."
        )
    if found.waiting:
        lines.append(
            f"{found.waiting} wait{'s' * (found.waiting == 1)} for your answer after your two open pairs, sides by lot."
        )
    return " ".join(lines)


def _row(piece: OpenedPiece, called: str, part: str) -> dict[str, Any]:
    return {
        "heading": called,
        "detail": described(piece.traits, part),
        "audio_url": piece.audio_url,
        "notes_url": f"/api/studio/{piece.name}",
        "seconds": piece.seconds,
        "bars_s": piece.bars_s,
    }
