"""The researcher's page: a study is designed here and, behind its key, run, looked at and taken along.

The form has fields for what a researcher decides; what it has none for stays as the draft says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component, Navbar

from webapp.context import Context
from webapp.runtime.errors import NotAllowed, Problem
from webapp.studies import clips, dataset, keys, studies
from webapp.studies.clips import Making
from webapp.studies.design import CONSENT, INFORMATION, LONGEST_CLIP_S, StudyDesign, parse_questions, written_questions
from webapp.ui.components.study_page import StudyPage
from webapp.ui.components.view_link import chosen
from webapp.ui.dashboards import section
from webapp.ui.handlers import bound
from webapp.ui.layout import AWAITED, QUIET, heading, heading_html, page, status
from webapp.ui.pages.picking import DOMAINS
from webapp.ui.pages.studies import running
from webapp.ui.waits import cancel_button
from webapp.ui.words import capital, sentence

WAYS = (
    ("At random, every two systems equally often", "random"),
    ("As pairs.csv says", "fixed"),
    ("Adaptive: more often what the answers leave open", "adaptive"),
)
CLIPS = (
    "A zip file with MIDI, ABC or sound (WAV, FLAC, OGG, MP3). One folder for each system, that is for each thing that "
    "you compare, with files of the same name where they are the same music: <code>ours/tune1.mid</code>, "
    "<code>theirs/tune1.mid</code>. Or put a table beside the files, <code>clips.csv</code>, whose first line is "
    "<code>clip,system,item,condition</code>: the file, what is compared, of which music it is, and which group of "
    "participants hears it; the last two may be empty. <code>pairs.csv</code> with <code>left,right</code> names pairs "
    "of files. All clips are cut to the shortest one and made equally loud. 10 MB here; <code>kallos study "
    "create</code> takes more."
)
ASKED = (
    "Pairs that come twice come again at the end with A and B exchanged. An attention check is one more pair, which "
    "says which of the two is to be chosen."
)
QUESTIONS = (
    "A question a line. <code>How often do you play? | never | now and then | daily</code> offers answers, "
    "<code>How did you like it? | scale 1-7 not at all, very much</code> a scale, "
    "<code>Years of lessons? | number 0-80</code> a number; without a bar the answer is free text. "
    "<code>(optional)</code> at the end lets it be left out."
)
EXCLUDED = (
    "Results are always shown with and without these people. What stands here is fixed once the study opens. 0 failed "
    "checks leaves out whoever failed one; -1 leaves out nobody for that. Of seconds and of shares, 0 is no rule."
)
LEAD = (
    "A listening study of your own: people compare clips in pairs, and you get a report and a dataset. Give it a title "
    "and clips; everything else below can be used as it stands."
)
STAGES = {
    "starting": "Starting", "reading": "Reading your clips", "asking": "Asking for clips", "composing": "Composing",
    "levelling": "Making all alike",
}  # fmt: skip

SAVE = "Save the design and make its clips"
POLL_S = 1


@dataclass(frozen=True)
class Form:
    """The fields of a form, in the order in which ``design_from`` takes their values."""

    fields: tuple[Component, ...]
    clips: gr.File


def build_form() -> Form:
    """The form, filled with a design that can be used as it is."""
    plain = StudyDesign(title="A study")
    with section("What participants read", ""):
        title = gr.Textbox(label="Title", placeholder="Which of two tunes is more beautiful?", elem_id="study-title")
        information = gr.Textbox(INFORMATION, label="Information", lines=8, elem_id="study-information")
        consent = gr.Textbox(CONSENT, label="What they agree to", elem_id="study-consent-text")
        with gr.Row():
            contact = gr.Textbox(label="Whom to ask (a name and an address)", elem_id="study-contact")
            least_age = gr.Number(plain.least_age, label="Youngest age", precision=0, minimum=0, maximum=99)
    with section("What they hear", CLIPS):
        clips = gr.File(
            label="Your clips", file_types=[".zip"], height=110, elem_id="study-clips", elem_classes="k-drop"
        )
        with gr.Row():
            count = gr.Number(0, label="Clips by Kallos", precision=0, minimum=0, maximum=100, elem_id="study-composed")
            kind = gr.Dropdown(list(DOMAINS), value="pop", label="Of this kind", filterable=False)
            seconds = gr.Number(plain.seconds, label="Seconds at most", minimum=2, maximum=LONGEST_CLIP_S)
        with gr.Row():
            played = gr.Checkbox(plain.played, label="Play notes as a pianist might, not exactly as written")
            show_notes = gr.Checkbox(plain.show_notes, label="Show piano rolls, if all clips have notes")
    with section("What they are asked", ASKED):
        question = gr.Textbox(plain.question, label="The question on each pair", elem_id="study-question")
        way = gr.Radio(WAYS, value="random", label="Which pairs")
        with gr.Row():
            per_participant = gr.Number(
                plain.pairs.per_participant, label="Pairs for each", precision=0, minimum=1, elem_id="study-pairs"
            )
            repeats = gr.Number(
                plain.pairs.repeats, label="That come twice", precision=0, minimum=0, elem_id="study-repeats"
            )
            checks = gr.Number(
                plain.pairs.attention_checks, label="Attention checks", precision=0, minimum=0, elem_id="study-checks"
            )
            break_after = gr.Number(0, label="Break after (0: none)", precision=0, minimum=0, elem_id="study-break")
        with gr.Row():
            ties = gr.Checkbox(plain.pairs.ties, label="“Equally” is an answer")
            headphones = gr.Checkbox(plain.headphone_check, label="Check for headphones first", elem_id="study-check")
        before = gr.Textbox(label="Questions before the pairs", lines=3, elem_id="study-before")
        after = gr.Textbox(label="Questions after the pairs", lines=3, elem_id="study-after")
        gr.HTML(f'<p class="k-explain">{QUESTIONS}</p>', apply_default_css=False)
    with section("Who takes part", ""), gr.Row():
        quota = gr.Number(plain.quota, label="How many people", precision=0, minimum=1, elem_id="study-quota")
        panel = gr.Textbox(plain.panel_parameter, label="Panel id in the link", elem_id="study-panel")
        completion = gr.Textbox(
            label="Where they go at the end", placeholder="https://app.prolific.com/submissions/complete?cc=…",
            elem_id="study-completion",
        )  # fmt: skip
    with section("Who is left out of the second analysis", EXCLUDED), gr.Row():
        failed_checks = gr.Number(0, label="More failed checks than", precision=0, minimum=-1)
        fastest = gr.Number(0, label="Median seconds a pair below", minimum=0)
        least_repeated = gr.Number(0, label="Same answer again below (share)", minimum=0, maximum=1)
        failed_headphones = gr.Checkbox(value=False, label="Who failed the headphone check")
    fields = (
        title, information, consent, contact, least_age, count, kind, seconds, played, show_notes, question, way,
        per_participant, repeats, checks, break_after, ties, headphones, before, after, quota, panel, completion,
        failed_checks, fastest, least_repeated, failed_headphones,
    )  # fmt: skip
    return Form(fields, clips)


def design_from(values: Sequence[Any], draft: StudyDesign | None = None) -> dict[str, Any]:
    """The design that the values of a form's fields describe; raises ``NotAllowed`` without a title.

    What no field says stays as in the ``draft`` that the form was filled from.
    """
    (
        title, information, consent, contact, least_age, count, kind, seconds, played, show_notes, question, way,
        per_participant, repeats, checks, break_after, ties, headphones, before, after, quota, panel, completion,
        failed_checks, fastest, least_repeated, failed_headphones,
    ) = values  # fmt: skip
    if not (title or "").strip():
        raise NotAllowed("the study has no title yet; give it one, which participants read first")
    drafted = draft.model_dump(mode="json") if draft else {}
    first, *others = drafted.get("composed") or [{}]
    told = {"kind": kind, "count": int(count)}
    if not first or seconds != drafted["seconds"]:
        told["bars"] = 8 if seconds <= 12 else 16
    composed = [first | told, *others] if count else others
    return drafted | {
        "title": title,
        "information": information,
        "consent": consent,
        "contact": contact or "",
        "least_age": least_age,
        "composed": composed,
        "seconds": seconds,
        "played": played,
        "show_notes": show_notes,
        "question": question,
        "pairs": {
            "way": way,
            "per_participant": per_participant,
            "repeats": repeats,
            "attention_checks": checks,
            "break_after": break_after,
            "ties": ties,
        },
        "headphone_check": headphones,
        "before": parse_questions(before or ""),
        "after": parse_questions(after or ""),
        "quota": quota,
        "panel_parameter": panel,
        "completion_url": completion or "",
        "exclusion": {
            "failed_checks": failed_checks,
            "fastest_s": fastest,
            "least_repeated": least_repeated,
            "failed_headphones": failed_headphones,
        },
    }


def values_of(design: StudyDesign) -> list[Any]:
    """What the fields of a form show of a design."""
    pairs, exclusion = design.pairs, design.exclusion
    composed = design.composed[0] if design.composed else None
    return [
        design.title, design.information, design.consent, design.contact, design.least_age,
        composed.count if composed else 0, composed.kind if composed else "pop", design.seconds, design.played,
        design.show_notes, design.question, pairs.way, pairs.per_participant, pairs.repeats, pairs.attention_checks,
        pairs.break_after, pairs.ties, design.headphone_check, written_questions(design.before),
        written_questions(design.after), design.quota, design.panel_parameter, design.completion_url,
        exclusion.failed_checks, exclusion.fastest_s, exclusion.least_repeated, exclusion.failed_headphones,
    ]  # fmt: skip


def build(context: Context) -> None:
    """The page at ``/studies``."""
    with page("studies"):
        with gr.Row(elem_classes="k-ask"):
            title = heading("Studies", LEAD)
        key = gr.Textbox(visible=False)
        address = gr.Textbox(visible=False)
        run = running.build(context, key)
        with gr.Column(visible=False, elem_id="study-design") as designing:
            form = build_form()
            with gr.Row(elem_classes="k-bar"):
                save = gr.Button("Make the study", variant="primary", elem_id="study-save", scale=0, min_width=180)
                cancel = cancel_button(elem_id="study-cancel")
            said = gr.HTML(elem_id="study-said", apply_default_css=False, js_on_load=None)
    timer = gr.Timer(POLL_S, active=False)
    making = [said, save, cancel, timer]
    outputs = [title, key, designing, *making, *form.fields, *run.outputs]
    gr.on(None, bound(opened, context, len(form.fields)), None, outputs, **QUIET)
    stored = save.click(bound(make, context), [key, form.clips, *form.fields], [said, key, address], **AWAITED)
    looked = timer.tick(bound(follow, context), key, [address, *making], **QUIET)
    for event in (stored, looked):
        event.then(None, address, js=running.GO_THERE, **QUIET)
    cancel.click(bound(give_up, context), key, said, **QUIET)


def opened(context: Context, fields: int, request: gr.Request) -> list[Any]:
    """The study whose key stands in the address, or an empty form for who may make one."""
    key = chosen(request, "key")
    empty = [gr.skip()] * fields
    try:
        found = studies.overview(context.database, key) if key else None
    except Problem as problem:
        found = None
        if not keys.may_create(context.settings, key):
            return [heading_html("Studies", sentence(problem)), "", *_hidden(empty)]
    if found is None:
        if keys.may_create(context.settings, key):
            return [heading_html("Studies", LEAD), "", gr.update(visible=True), *_skipped(), *empty, *running.hidden()]
        return [heading_html("Studies", f"{capital(keys.NEEDS_KEY)}."), "", *_hidden(empty)]
    draft = found.state == "draft" and found.design.task == "pairs"  # which is what the form can say
    return [
        heading_html(running.escaped(found.title), running.state_line(found)),
        key,
        gr.update(visible=draft),
        *(_making(clips.look(context.database, context.settings, key)) if draft else _skipped()),
        *(values_of(found.design) if draft else empty),
        *running.shown(key, found, dataset.answers_in_words(context.database, key), request),
    ]


def make(context: Context, request: gr.Request, key: str, zip_path: str | None, *values: Any) -> list[Any]:
    """Store the design, begin to make its clips, and go to the study's own page, which tells how far they are."""
    made = key
    try:
        draft = studies.overview(context.database, key).design if key else None
        design = design_from(values, draft)
        if key:
            studies.change_design(context.database, context.journal, key, design)
        else:
            keys.require_creator(context.settings, chosen(request, "key"))
            made = studies.create(context.database, context.journal, design).researcher
        place = Path(zip_path) if zip_path else None
        if place or clips.are_due(context.database, made):
            clips.begin(context.database, context.settings, made, place=place)
    except Problem as problem:
        return [status(sentence(problem)), made, ""]
    return [status("Stored."), made, f"studies?key={made}"]


def follow(context: Context, key: str) -> list[Any]:
    """How far the clips are, asked again in a second while that goes on; at the end the page is opened anew."""
    now = clips.look(context.database, context.settings, key)
    return [f"studies?key={key}" if now and now.clips else "", *_making(now)]


def give_up(context: Context, key: str) -> str:
    """End the making of the clips."""
    clips.stop(context.database, key)
    return status("Stopping…")


def _making(now: Making | None) -> list[Any]:
    """Updates of a draft's page for how far its clips are; nothing is said where they are made."""
    now = None if now and now.clips else now
    goes_on = bool(now and not now.ended)
    return [
        status(told(now)) if now else "",
        gr.update(value=SAVE, interactive=not goes_on),
        gr.update(visible=goes_on),
        gr.update(active=goes_on),
    ]


def told(now: Making) -> str:
    """How far the clips are, or why there are none."""
    if now.ended:
        return sentence(now.problem) if now.problem else "Stopped."
    return f"{STAGES.get(now.stage, 'Working')}…{f' {now.share:.0%}' if now.share else ''}"


def _hidden(empty: list[Any]) -> list[Any]:
    return [gr.update(visible=False), *_skipped(), *empty, *running.hidden()]


def _skipped() -> list[Any]:
    """What ``_making`` gives, where the page is of no draft."""
    return [gr.skip()] * 4


def take_part() -> None:
    """A participant's page at ``/study``: no header and no listener, only the study that the link names."""
    Navbar(visible=False)
    with gr.Column(elem_classes="k-page"):
        StudyPage()
