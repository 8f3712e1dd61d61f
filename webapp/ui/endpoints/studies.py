"""The endpoints of listening studies: made, moved and read by their researcher, without a page."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from webapp.context import Context
from webapp.runtime.errors import Problem
from webapp.runtime.limits import EXPORT_BYTES
from webapp.runtime.long_tasks import awaited
from webapp.studies import clips, dataset, deletion, dry_run, keys, report, studies
from webapp.studies import design as designs
from webapp.studies.keys import MOST_LETTERS
from webapp.ui.endpoints.endpoint import SLOW, Endpoint, File, file_for, taken

Key = Annotated[str, Field(min_length=16, max_length=MOST_LETTERS)]


class StudyKeys(TypedDict):
    """What opens a study; the researcher's key can't be looked up again."""

    researcher_key: str
    participant_key: str
    preview_key: str
    clips: int


class StudyState(TypedDict):
    """How a study stands."""

    title: str
    state: str
    begun: int
    completed: int
    withdrawn: int
    answers: int
    clips: int
    design_sha256: str


class Shown(TypedDict):
    """What a study could show in one condition; ``smallest_share`` is 0 where it would hardly show anything."""

    condition: str
    people: int
    answers: int
    smallest_share: float


class StudyResults(TypedDict):
    """What came of a study."""

    report: File
    dataset: File
    words: File


def create_study(
    context: Context, research_key: str, design: dict[str, Any], files: Annotated[list[File], Field(max_length=1)]
) -> StudyKeys:
    """Make a listening study, as a draft, with its clips. Takes a minute or more where clips are composed.

    Args:
        research_key: KALLOS_RESEARCH_KEY, or the key in the address of studies that `kallos serve` printed.
        design: the design; docs/studies.md tells its fields, of which only the title is needed.
        files: one zip file of clips, 10 MB at most; none where all clips are composed.

    Returns:
        The researcher's key, which is needed for all else and can't be looked up, the key of the link for participants
        (study?key=…), the key of the preview, and how many clips there are.
    """
    keys.require_creator(context.settings, research_key)
    made = studies.create(context.database, context.journal, design)
    try:
        count = _make_clips(context, made.researcher, design, files)
    except Problem:  # nobody will have the key of this draft
        deletion.delete_study(context.database, context.clip_store, context.journal, made.researcher)
        raise
    return {
        "researcher_key": made.researcher,
        "participant_key": made.participant,
        "preview_key": made.preview,
        "clips": count,
    }


def _make_clips(context: Context, key: str, design: dict[str, Any], files: list[File]) -> int:
    with tempfile.TemporaryDirectory(prefix="kallos-clips-") as folder:
        place: Path | None = None
        for _, data in taken(context, files, EXPORT_BYTES):
            place = Path(folder) / "clips.zip"
            place.write_bytes(data)
        if not place and not designs.checked(design).makes_clips:
            return 0
        clips.begin(context.database, context.settings, key, place=place)
    return awaited(lambda: clips.look(context.database, context.settings, key)).clips


def study(context: Context, key: Key) -> StudyState:
    """How a listening study stands.

    Args:
        key: the researcher's key.

    Returns:
        Its title and state (draft, open, paused, ended), how many have begun, finished and withdrawn, how many answers
        and clips there are, and the SHA-256 of its design.
    """
    found = studies.overview(context.database, key)
    return {
        "title": found.title,
        "state": found.state,
        "begun": found.counts.begun,
        "completed": found.counts.completed,
        "withdrawn": found.counts.withdrawn,
        "answers": found.counts.answers,
        "clips": len(found.clips),
        "design_sha256": found.design_hash,
    }


def move_study(context: Context, key: Key, state: Literal["open", "paused", "ended"]) -> StudyState:
    """Open, pause or end a listening study.

    Args:
        key: the researcher's key.
        state: open (a draft's design is fixed by this), paused (nobody new) or ended (no answers any more, for good).

    Returns:
        How it stands then.
    """
    if state == "open":
        studies.open_study(context.database, context.journal, context.settings, key)
    elif state == "paused":
        studies.pause(context.database, context.journal, key)
    else:
        studies.end(context.database, context.journal, key)
    return study(context, key)


def dry_run_study(context: Context, key: Key) -> list[Shown]:
    """Go through a listening study once as a simulated participant, and say what it could show.

    Args:
        key: the researcher's key.

    Returns:
        For each condition, of those two systems that are compared least (or the one that is rated least): how many
        people compare them, and how often each of these does. Then the share of answers that must prefer one system
        (or be right) for the study to find it 8 times in 10.
    """
    dry_run.walk(context.database, context.journal, key)
    return [
        {"condition": each.condition, "people": each.comparing, "answers": each.answers,
         "smallest_share": each.smallest or 0.0}
        for each in dry_run.power(context.database, key)
    ]  # fmt: skip


def study_results(context: Context, key: Key) -> StudyResults:
    """The report on a listening study, its anonymised dataset and what was answered in words, as they are now.

    Args:
        key: the researcher's key.

    Returns:
        The report (HTML), the dataset (zip with CSV, Parquet, MIDI and codebook), and the answers in words (CSV),
        which may tell who wrote them and are not to be published.
    """
    page = report.report(context.database, key)
    packed = dataset.export(context.database, context.clip_store, key)
    words = dataset.in_words(context.database, key)
    whose = uuid.uuid5(uuid.NAMESPACE_OID, key)  # as one listener, who has only so much room
    return {
        "report": file_for(context, whose, "report.html", page.encode()),
        "dataset": file_for(context, whose, "study.zip", packed),
        "words": file_for(context, whose, "words.csv", words),
    }


ENDPOINTS = (
    Endpoint("create_study", create_study, SLOW),
    Endpoint("study", study),
    Endpoint("move_study", move_study),
    Endpoint("dry_run_study", dry_run_study, SLOW),
    Endpoint("study_results", study_results, SLOW),
)
