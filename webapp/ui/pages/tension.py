"""The tension page: somebody's MIDI or ABC files as one model expects their future and another knows their past."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import gradio as gr

from models.music.midi_file import SUFFIXES as MIDI
from models.music.performance import bars_in_seconds, notes_in_seconds, sounding_seconds
from models.tension.curves import LEAST_BARS
from webapp.context import Context
from webapp.runtime import csv_text
from webapp.runtime.errors import NotAllowed, Problem
from webapp.runtime.listener_files import Downloads
from webapp.studio.studio import MUSIC
from webapp.tension import scored_files
from webapp.tension.plot import lanes
from webapp.tension.scored_files import ScoredFile
from webapp.ui import dashboards, learned_agent
from webapp.ui.components.clip import Clip
from webapp.ui.components.clip_list import ClipList
from webapp.ui.components.folder_picker import FolderPicker
from webapp.ui.components.unfolding import Unfolded, Unfolding
from webapp.ui.dashboards import section
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import AWAITED, CHOICE, heading, page, status
from webapp.ui.words import capital, sentence

LEAD = (
    "Drop MIDI or ABC files, or choose a folder of them; of a book the tunes are heard one by one. One model says how "
    "open their future is, note by note; another, how well it knows their past. Nobody's likes are needed, and whether "
    "such a score tells what people like has not been shown. For sound there is <a href='rate'>rate</a>."
)
MEANING = (
    "In standard deviations of real music of the same kind. Open future: how uncertain the model was before each note. "
    "Known past: how well the piece's own bars are told from others, and how little it surprised. The score has one "
    "fifth of the first and four fifths of the second: alone, the first rewards noise."
)
PICTURE = (
    "A note is the redder the more it surprised; point at it to see what was likelier. Below, the mean of each bar "
    "and beat, and how surely that bar is found to be this piece's own among sixteen that are alike."
)
UNFOLDS = (
    "Play it: after one, two, four and eight bars stands what its bars have told by then, and before each bar, how "
    "likely it is to be like one that was heard."
)
LEARNED = (
    "It was rewarded for an open future with a known past, and for sounding like real music. Some of your blind pairs "
    "hold what it writes against the composer as it was: they ask whether anybody hears a difference."
)
SOUND_S = 120.0  # of a piece that can be played here
EXAMPLE = "The Kesh Jig.abc"
TUNE = """X:1
T:The Kesh Jig
M:6/8
L:1/8
Q:3/8=100
K:G
|:GAG GAB|ABA ABd|edd gdd|edB dBA|GAG GAB|ABA ABd|edd gdB|AGF G3:|
|:BAB dBd|ege dBG|BAB dBG|ABA AGA|BAB dBd|ege dBd|gfg aga|bgg g3:|
"""
COLUMNS = ("", "file", "score", "open future", "known past", "heard as")
FILES = (*MIDI, ".abc")
DROP_PX = 110
KEPT_OUTPUTS = 9  # that a problem leaves as they are, beside what can be downloaded


def build(context: Context) -> None:
    """The page at ``/tension``."""
    with page("tension") as listener:
        with gr.Row(elem_classes="k-ask"):
            heading("Tension", LEAD)
        files = gr.File(
            label="Your MIDI or ABC", file_count="multiple", file_types=list(FILES), height=DROP_PX,
            elem_id="heard-files", elem_classes="k-drop",
        )  # fmt: skip
        FolderPicker(
            files="heard-files", kinds=FILES, most=scored_files.MOST_FILES,
            called=("MIDI or ABC file", "MIDI or ABC files"), elem_id="heard-folder",
        )  # fmt: skip
        example = gr.Button("Hear an example", size="sm", elem_id="heard-example", scale=0, min_width=160)
        said = gr.HTML(elem_id="heard-said", **dashboards.STILL)
        with section("Scores", MEANING, visible=False) as scores:
            table = dashboards.table("scores", "How each file scores", headers=list(COLUMNS))
            with gr.Row(elem_classes="k-row"):
                taken = [
                    gr.DownloadButton(
                        f"{capital(label)} (CSV)", elem_id=f"heard-{label}", size="sm", scale=0, min_width=150
                    )
                    for label in scored_files.COLUMNS
                ]
        with section("As it unfolds", UNFOLDS, visible=False) as unfolds:
            which = gr.Dropdown(label="File", elem_id="which-file", scale=0)
            player, unfolding = ClipList(elem_id="heard-sound"), Unfolding(interactive=True)
        with section("Along the notes", PICTURE, visible=False) as picture:
            plot = gr.Plot(label="Along the notes", show_label=False, container=False, elem_id="plot-tension")
        learned_agent.show(context, listener, "tension", "A composer that learned from such scores", LEARNED)
        kept = gr.State([])
    shown = [plot, player, unfolding]
    outputs = [said, kept, scores, table, unfolds, picture, which, *shown, *taken]
    files.upload(bound(hear_files, context), [listener, files], [*outputs, files], js=listener.awaited, **AWAITED)
    example.click(bound(hear_example, context), listener, outputs, js=listener.awaited, **AWAITED)
    which.input(bound(choose, context), [listener, kept, which], shown, **CHOICE)


def hear_files(context: Context, token: str | None, paths: list[str] | None) -> list[Any]:
    """Hear the dropped files, whose copies are deleted."""
    paths = paths or []
    try:
        if len(paths) > scored_files.MOST_FILES:
            raise NotAllowed(f"{len(paths)} files were dropped; {scored_files.MOST_FILES} can be heard at once")
        return [*_heard(context, token, [(Path(each).name, Path(each).read_bytes()) for each in paths]), None]
    except Problem as error:
        return [status(sentence(error)), *[gr.skip()] * (KEPT_OUTPUTS + len(scored_files.COLUMNS)), None]
    finally:
        for each in paths:
            Path(each).unlink(missing_ok=True)


def hear_example(context: Context, token: str | None) -> list[Any]:
    """Hear an old tune."""
    return _heard(context, token, [(EXAMPLE, TUNE.encode())])


def _heard(context: Context, token: str | None, files: list[tuple[str, bytes]]) -> list[Any]:
    listener_id = listener_of(context, token)
    found = scored_files.score(listener_id, files)
    heard = [each for each in found if not each.problem]
    names = [(each.name, number) for number, each in enumerate(heard)]
    return [
        status(summary(found)),
        heard,
        gr.update(visible=bool(heard)),
        [row(number, each) for number, each in enumerate(heard, 1)],
        *[gr.update(visible=bool(heard))] * 2,
        gr.update(choices=names, value=0 if names else None, visible=len(names) > 1),
        *_shown(context, listener_id, heard, 0),
        *_written(context, listener_id, heard),
    ]


def choose(context: Context, token: str | None, kept: list[ScoredFile], which: int | None) -> list[Any]:
    """Another one of the files."""
    return _shown(context, listener_of(context, token), kept, which)


def _shown(context: Context, listener_id: uuid.UUID, kept: list[ScoredFile], which: int | None) -> list[Any]:
    """Its lanes, its sound, and what it tells on its way."""
    if which is None or not 0 <= which < len(kept):
        return [None, [], None]
    music, name = kept[which], f"heard-{which}-{uuid.uuid4().hex[:8]}"
    sound = {**_sound(context, listener_id, music), "id": name}
    return [drawn(kept, which), [sound], Unfolded(music.curves, name)]


def _sound(context: Context, listener_id: uuid.UUID, music: ScoredFile) -> dict[str, Any]:
    piece = music.notes
    if piece is None:
        raise NotAllowed(f"{music.name} has no notes to play")
    from models.music.render import encode_mp3, render  # noqa: PLC0415 (the piano, where it is asked for)

    seconds = min(SOUND_S, sounding_seconds(piece))
    sound = Downloads(context.settings.home).write(listener_id, "heard.mp3", encode_mp3(render(piece, seconds)))
    clip = Clip(sound, seconds, notes_in_seconds(piece, seconds), music.name)
    return {**clip.payload(), "heading": music.name, "detail": "", "bars_s": bars_in_seconds(piece), "acts": False}


def _written(context: Context, listener_id: uuid.UUID, heard: list[ScoredFile]) -> list[str | None]:
    """Where the tables of ``scored_files.COLUMNS`` lie."""
    downloads = Downloads(context.settings.home)
    return [
        str(downloads.write(listener_id, f"kallos-tension-{name}.csv", csv_text.of_frame(table).encode()))
        for name, table in scored_files.tables(heard).items()
    ]


def drawn(kept: list[ScoredFile], which: int | None) -> Any:
    """The lanes of one of the files."""
    if which is None or not 0 <= which < len(kept):
        return None
    return lanes(kept[which].name, kept[which].curves)


def row(number: int, music: ScoredFile) -> list[str]:
    """A file in the table."""
    found = music.curves
    figures = ("–" if value is None else f"{value:+.2f}".replace("-", "−") for value in found.rewards)
    return [str(number), music.name, *figures, MUSIC[found.domain]]


def summary(found: list[ScoredFile]) -> str:
    """What became of the files, in sentences."""
    heard = [each for each in found if not each.problem]
    several = sum(each.curves.scored for each in heard) > 1
    said = [f"{each.name} {'scores highest' if several else 'is heard'}." for each in heard[:1]]
    short = [each.name for each in heard if not each.curves.scored]
    said += [f"{', '.join(short)}: too short for a score, which takes {LEAST_BARS} bars with notes."] if short else []
    said += [f"{each.name} is long: its beginning is heard." for each in heard if not each.curves.heard_whole]
    said += [f"{each.name} is played off the beat; it was moved to sixteenths." for each in heard if each.curves.loose]
    said += [f"{each.problem}." for each in found if each.problem]
    return " ".join(said)
