"""Why one clip is liked, style by style; the change that would raise it most, played; and the check of that claim."""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

import gradio as gr

from models.style.latents import PICTURE_GROUPS
from models.taste.explain import SEEMING, WORDS
from webapp import mood
from webapp.context import Context
from webapp.studio.pieces import OpenedPiece
from webapp.taste import blind_tests, explanation
from webapp.taste.blind_tests import Claims
from webapp.taste.explanation import Counterfactual, Explanation
from webapp.ui import mood_and_tension
from webapp.ui.components.clip_list import ClipList
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.taste_bars import Bar, Estimate, TasteBars
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import AWAITED, QUIET, status
from webapp.ui.mood_and_tension import Shown
from webapp.ui.waits import Wait
from webapp.ui.words import capital, counted, in_hundred, percent, style_name

ABOUT = (
    "We look for one style of another piece that would make this one better for you, and compose it. You can then "
    "check blind whether we are right."
)
ABOUT_PICTURES = (
    "We look for the palette, the light or the line of another picture that would make this one better for you, and "
    "draw it. You can then check blind whether we are right."
)
CHANGING = "Composing the changes that promise most, and hearing them…"
NOTHING_BETTER = "No change would be better for you, as far as your picks tell."
WORTH_IT = 0.55  # chance to be picked of the two from which on a change is called better
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
    future: dict[str, Any]


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
                wait = Wait()
                change_text = wait.told
                with gr.Row(elem_classes="k-buttons"):
                    change = gr.Button("Try the best change", variant="primary", elem_id="change")
                changed = ClipList(together=True, interactive=True)
                with gr.Row(elem_classes="k-buttons"):
                    check = gr.Button("Check it blind in a pair", elem_id="check", visible=False)
                so_far = gr.HTML(apply_default_css=False, elem_id="claims")
        with gr.Column() as future:
            heard = mood_and_tension.build_open_future(
                context, listener, clip, lambda clip_id: Shown(f"clips/{clip_id}")
            )
    for clips in lists:
        clips.act(None, None, [*heard], js=mood_and_tension.GONE, **QUIET)
        clips.act(
            bound(explain, context),
            inputs=[listener, clips],
            outputs=[section, clip, title, chance, parts, change_text, change, changed, check, so_far, future],
            trigger_mode="always_last",
            **AWAITED,
        ).then(None, js=FOCUS)
    changing = [change_text, change, changed, check, piece]
    wait.on(change.click, CHANGING, bound(try_change, context), [listener, clip], changing)
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
        title=f"## Why {row['heading']}?",
        chance=status(f"{heard_as(context, listener_id, uuid.UUID(row['clip_id']))} {chance_text(found)}".strip()),
        parts=[part_bar(part) for part in strongest],
        change_text=status(ABOUT_PICTURES if row.get("image_url") else ABOUT),
        change=gr.update(visible=True),
        changed=[],
        check=gr.update(visible=False),
        claims=status(claims_text(blind_tests.claims_of(context.database, listener_id))),
        future=gr.update(visible=not row.get("image_url")),  # which is of music
    )


def try_change(context: Context, token: str | None, clip_id: str) -> Changed:
    """Compose the change that promises most; there need not be one that is better."""
    try:
        found = explanation.compose_change(
            context.studio, context.maker_of, listener_of(context, token), uuid.UUID(clip_id)
        )
    except explanation.NothingBetter:
        return _as_it_was(f"{NOTHING_BETTER} A few more picks may tell more.")
    if not is_better(found):
        return _as_it_was(f"{NOTHING_BETTER} {tried(found)}")
    fewer, more = differences(found)
    return Changed(
        text=status(change_words(found)),
        change=gr.update(visible=False),
        changed=[_row(found.original, "As it is", fewer), _row(found.piece, "Changed", more)],
        check=gr.update(visible=True),
        piece=found.piece.name.partition("/")[2],
    )


def _as_it_was(text: str) -> Changed:
    return Changed(status(text), gr.update(visible=False), [], gr.update(visible=False), "")


def offer(context: Context, token: str | None, piece_id: str) -> tuple[str, dict[str, Any]]:
    """Offer the change as a blind pair."""
    found = blind_tests.offer_claim(
        context.database, context.maker_of, listener_of(context, token), uuid.UUID(piece_id)
    )
    return status(claims_text(found)), gr.update(visible=False)


def chance_text(found: Explanation) -> str:
    """How often the clip would be picked, and what the lines below say; no figure where none of them explains it."""
    what = "picture" if found.parts[0].part == PICTURE_GROUPS[0] else "piece"
    if all(part.confidence < SEEMING for part in found.parts):
        better = "more" if found.chance >= 0.5 else "less"
        return (
            f"You seem to like it {better} than an average {what}, but your picks don't tell yet which of its styles "
            "makes the difference."
        )
    return (
        f"Beside an average {what} we think you would pick it {in_hundred(found.chance)}. Each line says what one "
        "style adds or takes away, with the range that we are 95 % sure of; the number is how many of the 100 it is "
        "worth."
    )


def heard_as(context: Context, listener_id: uuid.UUID, clip_id: uuid.UUID) -> str:
    """How the clip sounds to the judges of mood, where they have heard it by now."""
    words = mood.words_of_met(context.studio, listener_id, [clip_id]).get(clip_id)
    return f"We hear this one as {words}." if words else ""


def part_bar(part: Any) -> Bar:
    """One style's part: what it adds, with its doubt, and how many of a hundred picks that is worth."""
    estimate = Estimate.normal(part.utility, part.sd)
    points, name = round(100 * part.points), style_name(part.part)
    doubt = (
        f", 95 % between {estimate.low:.2f} and {estimate.high:.2f}; {percent(part.confidence)} sure of the direction"
    )
    return Bar(
        name=capital(name),
        estimates=[estimate],
        words=capital(part.words),
        points=f"+{points}" if points > 0 else str(points).replace("-", "−"),
        decided=estimate.low > 0 or estimate.high < 0,
        described=f"{name}: {part.utility:.2f}{doubt if part.sd else ''}",  # what others hear is told without a doubt
        test_id=f"why-{part.part}",
    )


def is_better(found: Counterfactual) -> bool:
    """Whether the change, as it is heard, would be picked more often than not."""
    return found.heard.chance >= WORTH_IT


def differences(found: Counterfactual) -> tuple[str, str]:
    """What is heard to differ: of the original ("denser, louder") and of the changed version ("sparser, softer")."""
    opposite = {word: pair[1 - place] for pair in WORDS.values() for place, word in enumerate(pair)}
    if not found.became:
        return "", f"to the {'eye' if found.piece.image_url else 'ear'} hardly different"
    became = sorted(found.became, key=lambda word: word.startswith("with "))  # "softer, with wide leaps"
    return ", ".join(opposite[word] for word in became), ", ".join(became)


def tried(found: Counterfactual) -> str:
    """Which change came closest."""
    return f"The best that we tried, {_taken(found)}, would be picked only {in_hundred(found.heard.chance)}."


def change_words(found: Counterfactual) -> str:
    """What was changed, what it is heard to have brought, and how often it should be picked."""
    _, became = differences(found)
    other = "picture" if found.piece.image_url else "piece"
    return (
        f"The changed version has the {style_name(found.part)} of another {other}. Beside the first it is {became}. "
        f"You should pick it {in_hundred(found.heard.chance)}."
    )


def _taken(found: Counterfactual) -> str:
    style = style_name(found.part)
    if found.words.startswith("with "):
        return found.words
    another = "other" if style == "dynamics" else "another"
    return f"with {another} {style}" if found.words == "another one" else f"with its {style} {found.words}"


def claims_text(found: Claims) -> str:
    """What became of such claims."""
    lines = []
    if found.value is not None:
        even = f", {found.equal} even" if found.equal else ""
        lines.append(
            f"Claims like this so far: {found.right} right, {found.wrong} wrong{even}. That is {percent(found.value)} "
            f"(95 %: {percent(found.low)} to {percent(found.high)}, whenever you look); tossing a coin: 50 %."
        )
    if found.waiting:
        lines.append(
            f"{counted(found.waiting, 'pair')} like this {'waits' if found.waiting == 1 else 'wait'} for your answer. "
            "After your pick you are told whether we were right."
        )
    return " ".join(lines)


def _row(piece: OpenedPiece, called: str, different: str) -> dict[str, Any]:
    return {
        "heading": called,
        "detail": different,
        "audio_url": piece.audio_url or None,
        "notes_url": None if piece.image_url else f"/api/studio/{piece.name}",
        "image_url": piece.image_url or None,
        "seconds": piece.seconds,
        "bars_s": piece.bars_s,
    }
