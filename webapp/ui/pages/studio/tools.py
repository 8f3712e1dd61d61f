"""What is done on the desk: locks, dials, morphing into another piece, variations, the score, a link, a blind pair.

A piece, or a picture, to borrow a style from is chosen on a sheet over the page.
"""

from __future__ import annotations

import html
import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import gradio as gr
from pydantic import TypeAdapter

from db.tables import PICTURES
from models.style.latents import STYLE_GROUPS
from webapp.api.dependencies import public_address
from webapp.api.studio import AskedVariations
from webapp.context import Context
from webapp.listeners import accounts
from webapp.runtime.errors import Problem
from webapp.studio import blind_pairs, composing, pieces
from webapp.studio.pieces import OpenedPiece
from webapp.ui import choosing
from webapp.ui.choosing import DOMAINS, OF_PICTURES, Choosing, ListRequest
from webapp.ui.components.clip_list import ClipList
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.score import Score
from webapp.ui.components.sheet import Sheet
from webapp.ui.components.studio_desk import StudioDesk
from webapp.ui.components.style_dials import EXPLAINED_PICTURES, PICTURES_LEGEND, StyleDials
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import CHOICE, QUIET, explain, status
from webapp.ui.pages.studio import versions
from webapp.ui.pages.studio.versions import NO_WAY, ONLY_LOOK, VARIED, not_offered
from webapp.ui.pages.studio.whole_piece import PUT_BACK, Around, puts_back
from webapp.ui.waits import Wait
from webapp.ui.words import described, percent, sentence

VARIATIONS, STEPS = 4, 5
LOCKS = ("melody", "harmony", "rhythm")
KEEP = (
    "Lock what you like: bars, by their numbers below the old one, or the melody, the harmony or the rhythm. Bars and "
    "melody then stay note for note, harmony and rhythm in character. The rest is composed again."
)
TURN = "The tune stays. Turn a dial, or borrow a style from another piece, all or some of it."
WAY = (
    "The piece turns into another, one style after the other: rhythm, tempo and register first. Half way comes the "
    "tune, with its meter and kind of music; dynamics, texture and harmony follow."
)
TURN_PICTURE = (
    "What the picture shows stays, but for size and symmetry, which change its shape; size takes light along, for how "
    "much of the paper is white."
)
BORROW_PICTURE = "The shape stays. Take the palette, the light or the line of another picture, all or some of it."
PICTURE_STYLES = {
    "palette": "its colours",
    "light": "bright or dark, and how far these lie apart",
    "line": "outlines and texture",
}
KEPT_AS_CLIP = "Kept: it stands among the pictures that are yours alone."
NOTHING_KEPT = "Lock something first, or keep less than 100 %."

# what the browser does by itself: orders for the desk, and what it shows on the controls
DIALS = "(value) => ({do: 'dials', styles: value.styles, turned: value.turned})"
TOWARD = "(value) => ({do: 'toward', toward: value.styles.toward ?? null})"
LOCK = "(locks) => ({do: 'lock', locks})"
KEPT = "(keep) => ({do: 'keep', keep})"
AGAIN = "() => ({do: 'again'})"
WAIT = "() => ({do: 'wait'})"  # an order for the desk
EVERYTHING = "all"  # styles of one piece
PLAY_ON = """({piece, old}) => {
    const [kind, id] = (piece?.name ?? old.name).split("/");
    window.location.assign(`whole?${kind === "clips" ? "clip" : "piece"}=${id}`);
}"""
SHOW = """({old, recipe: {styles, turned, toward, locks, keep}, sources, fixed}) => {
    const all = {dials: old.dials, no_dials: old.no_dials, meter: old.meter, styles, turned, sources, fixed};
    const whole = {...all, styles: toward ? {toward} : {}, turned: {}};
    const held = ["melody", "harmony", "rhythm"].filter((name) => locks[name]);
    return [all, all, all, whole, held, Math.round(100 * keep)];
}"""

_pieces: TypeAdapter[list[OpenedPiece]] = TypeAdapter(list[OpenedPiece])


class Ends(NamedTuple):
    """The buttons that put another piece on the desk."""

    onward: gr.Button
    leave: gr.Button


class Gates(NamedTuple):
    """What can be done with what is shown, in the order of the outputs."""

    vary: dict[str, Any]
    link: dict[str, Any]
    offer: dict[str, Any]
    off: str
    url: dict[str, Any]
    score: dict[str, Any]
    locks: dict[str, Any]
    keep: dict[str, Any]
    again: dict[str, Any]
    again_off: str
    way: dict[str, Any]
    way_off: str
    steps: dict[str, Any]
    onward: dict[str, Any]
    back: dict[str, Any]
    whole: dict[str, Any]
    variations: dict[str, Any]
    kept: dict[str, Any]
    ears: dict[str, Any]
    read: dict[str, Any]
    music: dict[str, Any]
    pictures: dict[str, Any]
    like: dict[str, Any]


def build(context: Context, listener: ListenerToken, desk: StudioDesk, around: Around, ears: gr.Column) -> Ends:
    """Everything below the two players, and what puts a section back into the whole piece ``around`` it.

    ``ears``: what the page has for music alone, which goes where a picture is on the desk.
    """
    known = gr.State({"offered": [], "linked": "", "way": "", "varied": ""})
    with gr.Row(elem_classes="k-buttons k-middle"):
        vary = gr.Button("Four variations", size="sm", elem_id="variations")
        link = gr.Button("Share a link", size="sm", elem_id="link")
        offer = gr.Button("Compare blind", size="sm", elem_id="offer")
        kept = gr.Button("Keep the new one", size="sm", visible=False, elem_id="keep-picture")
        back = gr.Button(PUT_BACK, size="sm", visible=False, elem_id="put-back")
        whole = gr.Button("Play on to a whole piece", size="sm", elem_id="play-on")
    wait = Wait(elem_id="told")
    told = wait.told
    off = gr.HTML(apply_default_css=False, elem_id="off")
    url = gr.Textbox(
        label="Link to this piece",
        info="Whoever opens it meets old and new and sees what was borrowed, but not who you are.",
        interactive=False,
        buttons=["copy"],
        visible=False,
        elem_id="link-url",
    )
    with gr.Column() as read:
        score = Score(elem_id="score")
    with gr.Column(visible=False, elem_id="varied") as varied:
        gr.Markdown("## Variations")
        order = gr.HTML(apply_default_css=False)
        variations = ClipList(action="Use this", columns=True, interactive=True)

    with gr.Column() as music:
        locks, keep, again, again_off = _keeping()
        hears = versions.build_mood(context, listener, desk)
        dials, like = _changing_styles()
        gr.Markdown("## Morph into another piece", elem_classes="k-apart")
        toward = StyleDials(
            explained=WAY, groups={"toward": "this piece as it is"}, turned=False, asks="Choose", interactive=True
        )
        way = gr.Button("Hear five steps in between", size="sm", elem_id="way", elem_classes="k-middle")
        way_off = gr.HTML(apply_default_css=False, elem_id="way-off")
    with gr.Column(visible=False, elem_id="picture-tools") as seen:
        lent, measures = _changing_pictures()
    with gr.Column(visible=False, elem_id="steps") as stepped:
        steps = ClipList(action="Use this", together=True, columns=True, interactive=True)
    with gr.Row(elem_classes="k-buttons k-middle k-apart"):
        onward = gr.Button("Continue from the new one", size="sm", elem_id="onward")
        leave = gr.Button("Start from another one", size="sm", elem_id="leave")
    _build_borrowing(context, listener, desk, (dials, toward, lent), like)

    for control, event, script in (
        (dials, dials.input, DIALS),
        (lent, lent.input, DIALS),
        (measures, measures.input, DIALS),
        (toward, toward.input, TOWARD),
        (locks, locks.input, LOCK),
        (keep, keep.input, KEPT),
    ):
        event(None, inputs=control, outputs=desk, js=script, **CHOICE)
    again.click(None, outputs=desk, js=AGAIN)
    desk.shows(None, inputs=desk, outputs=[dials, lent, measures, toward, locks, keep], js=SHOW, **CHOICE)
    gated = [
        vary,
        link,
        offer,
        off,
        url,
        score,
        locks,
        keep,
        again,
        again_off,
        way,
        way_off,
        stepped,
        onward,
        back,
        whole,
        varied,
        kept,
        ears,
        read,
        music,
        seen,
        like,
    ]
    gate: dict[str, Any] = {"inputs": [desk, known], "outputs": gated, **CHOICE}
    # Of handlers that defer to the last event Gradio asks all again where one was deferred: two on one event never end.
    hears(desk.shows(gates, **gate))

    doing: list[tuple[gr.Button, str, Any, list[Any]]] = [
        (vary, f"Composing {VARIATIONS} variations…", compose_variations, [known, told, order, variations, desk]),
        (way, f"Composing {STEPS} steps…", compose_way, [known, told, steps]),
        (link, "Making a link…", make_link, [known, told, url]),
        (offer, "Making a pair of new and old…", offer_pair, [known, told]),
        (kept, "Keeping it…", keep_as_clip, [known, told]),
    ]
    for button, meanwhile, handler, outputs in doing:
        wait.on(button.click, meanwhile, bound(handler, context), [listener, desk, known], outputs).then(gates, **gate)
    puts_back(context, listener, desk, around, back=back, wait=wait)
    whole.click(None, inputs=desk, js=PLAY_ON)
    for clips in (variations, steps):
        clips.act(take, clips, desk, **CHOICE)
    desk.shows(None, outputs=told, js="() => ''", **CHOICE)
    return Ends(onward, leave)


def _keeping() -> tuple[gr.CheckboxGroup, gr.Slider, gr.Button, gr.HTML]:
    """What of the old one stays: locks, how much of the rest, the button that composes it again, and why it can't."""
    gr.Markdown("## Keep", elem_classes="k-apart")
    explain(KEEP)
    with gr.Row(elem_classes="k-keeping"):
        locks = gr.CheckboxGroup(
            [(name.capitalize(), name) for name in LOCKS], label="Lock", elem_id="locks", min_width=280
        )
        keep = gr.Slider(0, 100, 100, step=5, label="How much of the rest to keep (%)", elem_id="keep", min_width=240)
        again = gr.Button("Compose the rest again", size="sm", scale=0, min_width=220, elem_id="again")
    again_off = gr.HTML(apply_default_css=False, elem_id="again-off")
    return locks, keep, again, again_off


def _changing_styles() -> tuple[StyleDials, gr.Button]:
    """The dials of music, and what asks for all styles of one other piece."""
    gr.Markdown("## Change a style", elem_classes="k-apart")
    dials = StyleDials(explained=TURN, interactive=True)
    return dials, gr.Button("Play the tune like another piece", size="sm", elem_id="like", elem_classes="k-middle")


def _changing_pictures() -> tuple[StyleDials, StyleDials]:
    """What a picture can borrow, and what of it can be turned."""
    gr.Markdown("## Turn", elem_classes="k-apart")
    measures = StyleDials(
        explained=TURN_PICTURE, groups=EXPLAINED_PICTURES, borrowed=False, legend=PICTURES_LEGEND, named="picture",
        interactive=True,
    )  # fmt: skip
    gr.Markdown("## Borrow a style", elem_classes="k-apart")
    lent = StyleDials(explained=BORROW_PICTURE, groups=PICTURE_STYLES, turned=False, named="picture", interactive=True)
    return lent, measures


def gates(shown: dict[str, Any], known: dict[str, Any]) -> Gates:
    """What can be done with what is shown, and why the rest can't."""
    piece, fixed, recipe = shown["piece"], shown["fixed"], shown["recipe"]
    seen = bool(shown["old"].get("image_url"))
    own = bool(piece and piece["mine"] and not fixed)
    why = not_offered(shown, known["offered"])
    locked = bool(recipe["locks"]["bars"]) or any(recipe["locks"][name] for name in LOCKS)
    again = not fixed and (locked or recipe["keep"] < 1)
    leads = bool(recipe["toward"]) and not fixed
    old = shown["side"] == "a" or not piece
    heard, first = shown["old"] if old else piece, shown["old"].get("first_bar")
    score = {
        "title": f"Score of the {'old' if old else 'new'} one{f', from bar {first}' if (first or 1) > 1 else ''}",
        "abc_url": heard["score_url"],
        "first_bar": first,
    }
    return Gates(
        vary=gr.update(interactive=not fixed),
        link=gr.update(interactive=own),
        offer=gr.update(interactive=not why),
        off=_reason(why),
        url=gr.update(visible=bool(piece) and known["linked"] == piece["name"]),
        score=score,
        locks=gr.update(interactive=not fixed),
        keep=gr.update(interactive=not fixed),
        again=gr.update(interactive=again),
        again_off="" if again or fixed else _reason(NOTHING_KEPT),
        way=gr.update(interactive=leads),
        way_off="" if leads else _reason(ONLY_LOOK if fixed else NO_WAY),
        steps=gr.update(visible=leads and known["way"] == _ends(shown)),
        onward=gr.update(interactive=bool(piece)),
        back=gr.update(visible="section" in shown["old"], interactive=own),
        whole=gr.update(interactive=own or not piece, visible=not seen),
        variations=gr.update(visible=known["varied"] == shown["old"]["name"]),
        kept=gr.update(visible=seen, interactive=own),
        ears=gr.update(visible=not seen),
        read=gr.update(visible=not seen),
        music=gr.update(visible=not seen),
        pictures=gr.update(visible=seen),
        like=gr.update(interactive=not fixed),
    )


def compose_variations(
    context: Context, token: str | None, shown: dict[str, Any], known: dict[str, Any]
) -> tuple[Any, ...]:
    """The recipe with other seeds, best for this listener first."""
    listener_id = listener_of(context, token)
    asked = {**shown["recipe"], "content": shown["old"]["name"], "seed": shown["unused"] - 1, "count": VARIATIONS}
    asked["keep"] = VARIED if asked["keep"] == 1 else asked["keep"]
    wish = AskedVariations.model_validate(asked)
    made = composing.variations(context.studio, listener_id, wish.checked(), wish.count)
    picks = accounts.account(context.database, listener_id).picks
    order = (
        "The one that your picks say you would like best comes first."
        if picks
        else "In no particular order: once you have picked a few pairs, the best for you comes first."
    )
    rows = [_row(piece, f"No. {place}") for place, piece in enumerate(made, 1)]
    seeds = [piece.recipe.seed for piece in made if piece.recipe]
    seen = bool(shown["old"].get("image_url"))
    told = status("Use the one you like." if seen else "Listen, and use the one you like.")
    return (
        {**known, "varied": shown["old"]["name"]},
        told,
        f'<p class="k-explain">{order}</p>',
        rows,
        {"do": "seeds", "seeds": seeds},
    )


def compose_way(context: Context, token: str | None, shown: dict[str, Any], known: dict[str, Any]) -> tuple[Any, ...]:
    """The steps between the piece and the one that it is to become, with the two ends."""
    listener_id = listener_of(context, token)
    here, there = shown["old"]["name"], shown["recipe"]["toward"]["source"]
    made = composing.interpolation(context.studio, listener_id, content=here, toward=there, steps=STEPS, seed=0)
    first, last = (pieces.open_piece(context.studio, listener_id, name) for name in (here, there))
    shares = [piece.recipe.toward.strength for piece in made if piece.recipe and piece.recipe.toward]
    steps = [_row(piece, percent(share)) for piece, share in zip(made, shares, strict=True)]
    rows = [_row(first, "This piece", takes=False), *steps, _row(last, "The other piece", takes=False)]
    told = status("Play one, then another: the music goes on at the same place.")
    return {**known, "way": _ends(shown)}, told, rows


def take(rows: list[dict[str, Any]], event: gr.EventData) -> dict[str, Any]:
    """Put a variation or a step in between on the desk, as what was composed last."""
    return {"do": "take", "piece": rows[event.index]["piece"]}


def make_link(
    context: Context, token: str | None, shown: dict[str, Any], known: dict[str, Any], request: gr.Request
) -> tuple[Any, ...]:
    """The address that opens the new piece for whoever has it."""
    name = shown["piece"]["name"]
    key = pieces.make_link(context.studio, listener_of(context, token), _id(name))
    assert request.request is not None
    return {**known, "linked": name}, "", f"{public_address(request.request)}/studio?link={key}"


def offer_pair(
    context: Context, token: str | None, shown: dict[str, Any], known: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    """New against old among the listener's next pairs, blind."""
    name = shown["piece"]["name"]
    blind_pairs.offer(context.maker_of, listener_of(context, token), _id(name))
    said = "New and old will come up among your next pairs; you won't be told which is which."
    return {**known, "offered": [*known["offered"], name]}, status(said)


def keep_as_clip(
    context: Context, token: str | None, shown: dict[str, Any], known: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    """The new one becomes a clip of the listener's own."""
    blind_pairs.as_clip(context.maker_of, listener_of(context, token), _id(shown["piece"]["name"]))
    return known, status(KEPT_AS_CLIP)


def _row(piece: OpenedPiece, heading: str, *, takes: bool = True) -> dict[str, Any]:
    return {
        "heading": heading,
        "detail": described(piece.traits),
        "audio_url": piece.audio_url or None,
        "notes_url": None if piece.image_url else f"/api/studio/{piece.name}",
        "image_url": piece.image_url or None,
        "seconds": piece.seconds,
        "bars_s": list(piece.bars_s),
        "acts": takes,
        "piece": _pieces.dump_python([piece], mode="json")[0] if takes else None,
    }


def _ends(shown: dict[str, Any]) -> str:
    toward = shown["recipe"]["toward"]
    return f"{shown['old']['name']} {toward['source']}" if toward else ""


def _id(name: str) -> uuid.UUID:
    return uuid.UUID(name.split("/")[1])


def _reason(text: str) -> str:
    return f'<p class="k-reason">{html.escape(text)}</p>' if text else ""


def _build_borrowing(
    context: Context, listener: ListenerToken, desk: StudioDesk, asking: Sequence[StyleDials], like: gr.Button
) -> None:
    """Where a piece to borrow from is chosen: over the page, until something was chosen or it is closed.

    ``like`` asks for all styles of one piece.
    """
    with gr.Column(visible=False, elem_classes="k-sheet", elem_id="picker") as sheet:
        title = Sheet("Borrow")
        finder = Choosing(context, listener, "Choose", finder=True, place="picker", pictures=True)
        said = gr.HTML(apply_default_css=False)
    opened = [sheet, title, finder.request, finder.domain, finder.words, said]
    for dials in asking:
        dials.borrow(None, outputs=desk, js=WAIT, **CHOICE)
        dials.borrow(ask_from_whom, [desk, finder.request], opened, **CHOICE)
    like.click(None, outputs=desk, js=WAIT, **CHOICE)
    like.click(partial(ask_for, EVERYTHING), [desk, finder.request], opened, **CHOICE)
    finder.chosen(
        bound(borrow, context),
        [listener, finder.clips, finder.request],
        [sheet, finder.clips, said, desk],
        **QUIET,
    )
    title.close(lambda: (gr.update(visible=False), None), outputs=[sheet, finder.clips], **QUIET)


def ask_from_whom(shown: dict[str, Any], request: ListRequest, event: gr.EventData) -> tuple[Any, ...]:
    """Open the sheet for one style, or ``toward`` for all of a piece."""
    return ask_for(str(event.group), shown, request)


def ask_for(group: str, shown: dict[str, Any], request: ListRequest) -> tuple[Any, ...]:
    """Open the sheet for a ``group``, or for ``EVERYTHING``."""
    seen = bool(shown["old"].get("image_url"))
    titles = {"toward": "Morph into…", EVERYTHING: "Play it like…"}
    title = titles.get(group, f"Borrow the {group} of…")
    return (
        gr.update(visible=True),
        title,
        ListRequest(request.number + 1, style=group, kind=PICTURES if seen else ""),
        gr.update(choices=[OF_PICTURES] if seen else DOMAINS, value=shown["old"]["domain"]),
        gr.update(value="", visible=not seen),
        "",
    )


def borrow(
    context: Context, token: str | None, rows: list[dict[str, Any]], request: ListRequest, event: gr.EventData
) -> tuple[Any, ...]:
    """What was chosen, as an order for the desk; a tune is taken into the studio before it is borrowed from."""
    try:
        source = choosing.opened(context, listener_of(context, token), rows[event.index])
    except Problem as problem:
        wrong = f'<p class="k-wrong" role="alert">{html.escape(sentence(problem))}</p>'
        return gr.skip(), gr.skip(), wrong, gr.skip()
    told = {"name": source.name, "title": source.title, "traits": source.traits}
    groups = STYLE_GROUPS if request.style == EVERYTHING else (request.style,)
    return gr.update(visible=False), None, "", {"do": "borrow", "groups": groups, "source": told}
