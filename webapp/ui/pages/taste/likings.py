"""What a listener seems to like, how well their votes were foreseen, whether it is personal, and their best clips."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import gradio as gr

from db.tables import PICTURES
from models.mood.liking import ENDS, Leaning
from models.taste.explain import POLES, Habits
from webapp import mood
from webapp.context import Context
from webapp.listeners import accounts
from webapp.runtime.errors import NotReady
from webapp.taste import blind_tests, overview
from webapp.taste.blind_tests import BlindTests, WinRate
from webapp.taste.overview import Accuracy, LovedClip, StyleLiking
from webapp.tension import liking as surprise_liking
from webapp.tension.liking import Surprises
from webapp.ui.components import clip_list
from webapp.ui.components.clip_list import ClipList
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.taste_bars import Bar, Estimate, TasteBars
from webapp.ui.components.volume import Volume
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import QUIET, explain, explained, heading, heading_html
from webapp.ui.words import Words, capital, counted, percent, style_name, words_of, your_picks

BY_MOOD = "By mood, as our model hears it in the notes; it learned from pop piano, and may be wrong."
BY_SURPRISE = "By surprise: how little our model of music expected the notes."
HEARD_S = 5.0  # between two looks while clips are still heard
# What is said of surprises, and which of two clips is picked where nothing else tells them apart
SURPRISES = {
    "little": ("You like small surprises", "the less surprising one"),
    "much": ("You like big surprises", "the more surprising one"),
    "middle": ("You like some surprise, neither little nor much", "the one nearer to the middle"),
    "ends": ("You like either little surprise or much", "the one further from the middle"),
}
MEANINGFUL = 10  # picks before the figures are worth reading
EMPTY = """<div class="kallos k-empty">
  <p>Nothing to see yet. Your taste takes shape with every pair you compare. From your first pick on you can have
    {made} for you here.</p>
  <a class="k-solid" href="./">{first} a first pair</a></div>"""
RIVALS = {
    "average": ("{made} for the average listener here", "It is your taste, not everybody's."),
    "drawn": ("{made} for nobody in particular", "{making} for your taste helps."),
}
BY_TENSION = {  # what stood against what, and what it says where that is liked more, or less
    "guided": (
        "the first that came, what our model of tension chose",
        "A score that nobody labelled knows something of what you like.", "What such a score prefers, you like less.",
    ),
    "trained": (
        "the first that came, what a composer trained by our model of tension wrote",
        "A score that nobody labelled taught it something that you like.", "What such a score teaches, you like less.",
    ),
    "trained_vs_guided": (
        "what our model of tension chose, what a composer trained by it wrote",
        "You like what it taught more than what it chose.", "You like what it chose more than what it taught.",
    ),
}  # fmt: skip
TESTED = {  # what their bars are called
    "average": "Yours against the average listener's",
    "drawn": "Yours against nobody's",
    "guided": "Chosen for tension against the first",
    "trained": "Trained for tension against the first",
    "trained_vs_guided": "Trained for tension against chosen",
}
FURTHER = "### Further {made} for you"


class Loaded(NamedTuple):
    """What the handler gives each part of the section, in the order of its outputs."""

    title: str
    empty: dict[str, Any]
    there: dict[str, Any]
    styles: list[Bar]
    habits: str
    figure: str
    accuracy: list[Bar]
    tests: list[Bar]
    tests_text: str
    no_best: str
    best: list[dict[str, Any]]
    further_title: dict[str, Any]
    further: list[dict[str, Any]]
    favourites: list[tuple[str, str]]
    picks: int


def build(
    context: Context, listener: ListenerToken, changes: Sequence[Callable[..., Any]]
) -> tuple[ClipList, ClipList, gr.State, gr.State]:
    """The section; its two lists of clips, the favourites that can be kept part of (called, clip id), and the picks."""
    with gr.Row(elem_classes="k-ask"):
        title = heading("Your taste", "Reading your picks…")
        Volume()
    empty = gr.HTML(apply_default_css=False, visible=False)
    with gr.Row(visible=False, elem_classes="k-columns-two") as there:
        with gr.Column(scale=4, min_width=320):
            gr.Markdown("## What you seem to like")
            explain(
                "The surest first. “9 in 10” means that of ten such guesses nine are right; “decided” means that the "
                "whole bar, in which we are 95 % sure that your taste lies, is on one side."
            )
            styles = TasteBars(interactive=True)
            habits = gr.HTML(apply_default_css=False)
            by_mood = gr.HTML(apply_default_css=False)
            moods = TasteBars(interactive=True, elem_id="taste-moods")
            surprises = gr.HTML(apply_default_css=False, elem_id="taste-surprises")
        with gr.Column(scale=3, min_width=320):
            gr.Markdown("## How well we knew you")
            explain("Before each pick we write down a guess. This is how often it was right.")
            figure = gr.HTML(apply_default_css=False)
            accuracy = TasteBars(share=True, interactive=True)
            gr.Markdown("## Is it personal?")
            explain(
                "What is made for you stands against others, blind, in some of your pairs. This counts how often "
                "you picked yours."
            )
            tests_text = gr.HTML(apply_default_css=False, elem_id="blind-tests")
            tests = TasteBars(share=True, interactive=True)
            gr.Markdown("## Your best so far")
            no_best = gr.HTML(apply_default_css=False)
            best = ClipList(action="Why?", all_button=True, elem_id="best", interactive=True)
            further_title = gr.Markdown(visible=False)
            further = ClipList(action="Why?", all_button=True, elem_id="further", interactive=True)
    favourites, picks = gr.State([]), gr.State(0)
    gr.on(
        changes,
        bound(load, context),
        inputs=listener,
        outputs=[
            title, empty, there, styles, habits, figure, accuracy, tests, tests_text, no_best, best, further_title,
            further, favourites, picks,
        ],
        **QUIET,
    )  # fmt: skip
    gr.on(changes, bound(load_moods, context), inputs=listener, outputs=[by_mood, moods], **QUIET)
    still_heard = gr.Timer(HEARD_S, active=False)
    gr.on(
        (*changes, still_heard.tick),
        bound(load_surprises, context),
        inputs=listener,
        outputs=[surprises, still_heard],
        js=listener.awaited,
        **QUIET,
    )
    return best, further, favourites, picks


def load_moods(context: Context, token: str | None) -> tuple[str, list[Bar]]:
    """Which moods the picks lean to; nothing while there are too few, or where no judge answers just now."""
    try:
        listener_id = listener_of(context, token)
        if accounts.account(context.database, listener_id).domain == PICTURES:
            return "", []  # which have none
        found = mood.leanings_of(context.studio, listener_id)
    except NotReady:
        return "", []
    return (explained(BY_MOOD) if found else ""), [mood_bar(each) for each in found]


def load_surprises(context: Context, token: str | None) -> tuple[str, dict[str, Any]]:
    """How surprising the picks like music to be, asked again while clips are heard; nothing for pictures."""
    listener_id = listener_of(context, token)
    if accounts.account(context.database, listener_id).domain == PICTURES:
        return "", gr.update(active=False)
    found = surprise_liking.of_listener(context.studio, listener_id)
    return surprises_text(found), gr.update(active=found.waiting > 0)


def surprises_text(found: Surprises) -> str:
    """What shows with its doubt, or that nothing does."""
    picks, share = counted(found.picks, "pick"), found.leaning.share
    waiting = f"The clips of {counted(found.waiting, 'pick')} are still being heard." if found.waiting else ""
    if found.leaning.liked:
        liked, picked = SURPRISES[found.leaning.liked]
        doubt = f"95 %: {percent(share.low)} to {percent(share.high)}".replace(" ", "\N{NO-BREAK SPACE}")
        said = (
            f"{liked}: of two clips you would pick {picked} about {round(share.value * 100)} times in 100 "
            f"({doubt}; {picks})."
        )
    else:
        said = "" if waiting else f"Nothing shows yet ({picks})."
    return f'{explained(BY_SURPRISE)}<p class="k-figure-text">{f"{said} {waiting}".strip()}</p>'


def mood_bar(leaning: Leaning) -> Bar:
    """Valence or arousal, as a style is shown."""
    ends = ENDS[leaning.mood]
    name, words = " or ".join(ends).capitalize(), capital(leaning.lean) or "Nothing shows yet"
    return _bar(leaning, ends, name=name, words=words, test_id=f"taste-{leaning.mood}")


def _bar(liking: StyleLiking | Leaning, ends: tuple[str, str], **said: str) -> Bar:
    """An effect and its doubt between its two ends."""
    estimate, (less, more) = Estimate.normal(liking.effect, liking.sd), ends
    return Bar(
        estimates=[estimate],
        less=less,
        more=more,
        decided=estimate.low > 0 or estimate.high < 0,
        described=f"{less} to {more}: best guess {liking.effect:.2f}, 95 % between {estimate.low:.2f} and "
        f"{estimate.high:.2f}; {percent(liking.confidence)} sure of the direction",
        **said,
    )


def load(context: Context, token: str | None) -> Loaded:
    """Everything of the section."""
    listener_id = listener_of(context, token)
    found = overview.overview(context.database, context.playable, listener_id)
    tests = blind_tests.of_listener(context.database, context.playable, listener_id)
    words = words_of(found.domain)
    ids = [clip.clip_id for clip in (*found.best, *found.composed) if not clip.image_url]
    moods = mood.words_of_met(context.studio, listener_id, ids) if ids else {}
    best = [
        _row(clip, f"No. {place}", f"{words.done} for all", words, moods) for place, clip in enumerate(found.best, 1)
    ]
    known = {clip.clip_id for clip in found.best}
    own = [clip for clip in found.composed if clip.clip_id not in known]
    further = [_row(clip, f"Yours {place}", "", words, moods) for place, clip in enumerate(own, 1)]
    named = [*zip(best, found.best, strict=True), *zip(further, own, strict=True)]
    return Loaded(
        title=heading_html("Your taste", lead(found.picks)),
        empty=gr.update(value=EMPTY.format(made=words.made, first=words.first), visible=not found.picks),
        there=gr.update(visible=bool(found.picks)),
        styles=[style_bar(each) for each in sorted(found.styles, key=lambda style: -style.odds)],
        habits="".join(explained(line) for line in habit_lines(found.habits, words)),
        figure=accuracy_text(found.accuracy, found.picks),
        accuracy=_accuracy_bar(found.accuracy),
        tests=[bar for test in TESTED for bar in test_bars(test, getattr(tests, test))],
        tests_text=tests_text(tests, words),
        no_best="" if best else explained("Your favourites appear here once you have picked a few."),
        best=best,
        further_title=gr.update(value=FURTHER.format(made=words.made), visible=bool(further)),
        further=further,
        favourites=[(row["heading"], row["clip_id"]) for row, clip in named if clip.domain == found.domain],
        picks=found.picks,
    )


def lead(picks: int) -> str:
    """How much the page is worth reading yet."""
    go_on = '<a href="./">Go on comparing</a>'
    if not picks:
        return ""
    if picks < MEANINGFUL:
        return (
            f"After {picks} pick{'s' * (picks != 1)}, most of this is still open. About {MEANINGFUL - picks} more make "
            f"it worth reading. {go_on}"
        )
    return f"What {picks} picks say so far. {go_on}"


def style_bar(style: StyleLiking) -> Bar:
    """One style: its name, in which direction it leans and how sure that is, and the best guess with its interval."""
    return _bar(
        style,
        POLES.get(style.attribute, ("less", "more")),
        name=capital(style_name(style.style)),
        words=capital(style.lean) or "Can't tell yet",
        note=your_picks(style.others.words) if style.lean and style.others else "",
        test_id=f"taste-{style.style}",
    )


def habit_lines(habits: Habits, words: Words) -> list[str]:
    """How this person answers, whatever they love; nothing where that is nothing special."""
    lines = []
    if habits.left is not None:
        side, share = ("left", habits.left) if habits.left > 0.5 else ("right", 1 - habits.left)
        lines.append(
            f"Of two {words.one}s that you like equally you pick the {side} one about {round(share * 100)} times in "
            "100. That is taken out of your taste."
        )
    if habits.tossed is not None:
        lines.append(
            f"About {round(habits.tossed * 100)} in 100 of your picks could be coin tosses. Surprising picks count "
            "less."
        )
    return lines


def accuracy_text(accuracy: Accuracy, picks: int) -> str:
    """The figure and what it says, of the picks that could be guessed."""
    if accuracy.value is None:
        return "<p>No guess has been tested yet.</p>"
    verdict = "Better than chance." if accuracy.low > accuracy.chance else "That is not yet more than luck would do."
    rest = picks - accuracy.n
    uncounted = (
        f" The other {rest} of your {counted(picks, 'pick')} count for no guess: best of four, “equally "
        "beautiful”, and pairs that came back."
        if rest > 0
        else ""
    )
    return (
        f'<p class="k-figure">{percent(accuracy.value)}</p><p class="k-figure-text">of {accuracy.n} '
        f"guess{'es' * (accuracy.n != 1)} were right (95 %: {percent(accuracy.low)} to {percent(accuracy.high)}). "
        f"Tossing a coin: {percent(accuracy.chance)}. {verdict}{uncounted}</p>"
    )


def _accuracy_bar(accuracy: Accuracy) -> list[Bar]:
    if accuracy.value is None:
        return []
    return [Bar("", [Estimate(accuracy.value, accuracy.low, accuracy.high)], decided=True)]


def test_bars(test: str, rate: WinRate) -> list[Bar]:
    """A win rate on its line; none where there is none."""
    if rate.value is None:
        return []
    return [Bar(TESTED[test], [Estimate(rate.value, rate.low, rate.high)], percent(rate.value), decided=True)]


def tests_text(tests: BlindTests, words: Words) -> str:
    """What the blind tests say, or what is missing for one."""
    lines = []
    for rival in RIVALS:
        rate: WinRate = getattr(tests, rival)
        lines.append(_untested(rival, tests, words) if rate.value is None else _tested(rival, rate, words))
    return "".join([*lines, *(tension_text(test, getattr(tests, test)) for test in BY_TENSION)])


def tension_text(test: str, rate: WinRate) -> str:
    """What the blind tests of the tension model say; nothing where there was none."""
    if rate.value is None:
        return ""
    which, better, worse = BY_TENSION[test]
    verdict = "That decides nothing yet."
    if rate.low > 0.5:
        verdict = better
    elif rate.high < 0.5:
        verdict = worse
    return _counted(test, f"Nothing personal: against {which}", rate, verdict)


def _tested(rival: str, rate: WinRate, words: Words) -> str:
    named, better = (each.format(made=words.made, making=words.making) for each in RIVALS[rival])
    verdict = "That decides nothing yet."
    if rate.low > 0.5:
        verdict = better
    elif rate.high < 0.5:
        verdict = "The others were better: something in what we learned is wrong."
    return _counted(rival, f"Against {named} yours", rate, verdict)


def _counted(test: str, which: str, rate: WinRate, verdict: str) -> str:
    count = rate.won + rate.equal + rate.lost
    return (
        f'<p class="k-figure-text" data-testid="blind-test-{test}">{which} won {rate.won} of {count} blind '
        f"pair{'s' * (count != 1)}{f', {rate.equal} even' if rate.equal else ''}: {percent(rate.value or 0)} "
        f"(95 %: {percent(rate.low)} to {percent(rate.high)}, whenever you look). Tossing a coin: 50 %. {verdict}</p>"
    )


def _untested(rival: str, tests: BlindTests, words: Words) -> str:
    if rival == "average" and tests.others < tests.others_needed:
        there = f"only {tests.others}" if tests.others else "none"
        text = (
            f"There is no average listener to compare with yet: that takes {tests.others_needed} others who pick here, "
            f"and there {'is' if tests.others == 1 else 'are'} {there}."
        )
    else:
        text = (
            f"Not tested yet against {RIVALS[rival][0].format(made=words.made)}. Ask for a gift below: such a "
            f"{words.one} comes along, and some of "
            "your next pairs hold it against yours. Nothing tells which."
        )
    return explained(text)


def _row(clip: LovedClip, called: str, otherwise: str, words: Words, moods: Mapping[uuid.UUID, str]) -> dict[str, Any]:
    made = (words.own(clip.mode) or otherwise) if clip.composed else otherwise
    return {
        "clip_id": str(clip.clip_id),
        "heading": called,
        "detail": ", ".join(filter(None, (made, moods.get(clip.clip_id)))),
        "audio_url": clip.audio_url,
        "notes_url": clip.notes_url,
        "image_url": clip.image_url,
        "seconds": clip.seconds,
        "save": clip_list.menu_of_shown(clip),
    }
