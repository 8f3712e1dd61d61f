"""The rate page: any sound, how well it will be liked, and what in it raised and lowered that."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from models.atlas.points import Track
from webapp.context import Context
from webapp.listeners import accounts
from webapp.rating import rated_sounds
from webapp.rating.plot import among, seen_and_felt
from webapp.rating.rated_sounds import Ears, RatedSound
from webapp.runtime import commands
from webapp.runtime.errors import NotAllowed, Problem
from webapp.runtime.limits import SOUND
from webapp.ui import dashboards
from webapp.ui.choosing import Choosing
from webapp.ui.dashboards import section
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import AWAITED, CHOICE, QUIET, heading, page, status
from webapp.ui.words import capital, percent

LEAD = (
    "Drop any sound, record one or choose a clip, and a network that learned from the likes of listeners says how well "
    "it will be liked. "
    "It is a guess from the sound alone. The network can also <a href='dreams'>dream</a>, "
    "and an <a href='agent'>agent</a> learns to play what it likes. "
    "Notes are scored without likes: <a href='tension'>tension</a>."
)
MEANING = (
    "p is the share of listeners who like a sound, times the logarithm of how many do. The range holds nineteen of "
    "twenty tracks; the last column is the share of tracks it knows that the network rates lower. A sound unlike all "
    "music it has heard gets no rating."
)
PICTURE = (
    "Above, the sound as the network sees it: low notes at the bottom, the louder the stronger. Below, what raised the "
    "rating (red) and what lowered it (teal). Every three seconds the network begins to listen anew, which can leave a "
    "faint upright line. Of a long sound the first seconds are shown; the rating hears all parts."
)
AMONG = (
    "Each dot is a track that the network knows, the larger the better it was liked; those that it hears alike lie "
    "together. The recordings themselves may not be played here. Your sounds lie among those that they are nearest to."
)
EARS = (("A tagger trained elsewhere", "tagger"), ("A network trained here alone", "mel"))
ORDERED = (
    "How many pairs of tracks each method puts into the order of the listeners' likes, of tracks that it has not "
    "learned from; by guessing, half. Songs: what the networks learned from, by folds. Piano: clips on the piano that "
    "others judged, of which none was learned from; there the rivals are fitted on the clips themselves, by folds."
)
METHODS = {
    "ours": "small networks behind a tagger that was trained elsewhere", "mel": "networks trained here alone",
    "trees": "trees on statistics of the sound", "ridge": "ridge regression", "head": "the taste head, on the notes",
    "genre": "who is told the genre and hears nothing",
}  # fmt: skip
PLACES = {"emotify": "songs", "listener_ratings": "piano"}
BIASED = (
    "The network learned from the likes of people, and so what these people are like as well. Liked: the share of "
    "listenings, with its 95 % interval over tracks. p grows with how often a track was played. More: by how many "
    "points in a hundred a group likes a track more often than others who heard the same. How many people a group is, "
    "nobody knows, so that its interval is too narrow."
)
BIASES = ("by", "group", "heard", "liked", "p", "more")
NOTHING = (
    "There is no rating network here yet. This trains one on plays or likes and their sounds; the page has it when "
    "Kallos starts again:"
)
COLUMNS = ("", "sound", "p", "range", "above")
DROP_PX = 110
RECORDED = "Your recording"
OUTPUTS = 10  # what a rating changes on the page


def build(context: Context) -> None:
    """The page at ``/rate``."""
    with page("rate") as listener:
        with gr.Row(elem_classes="k-ask"):
            heading("Rate", LEAD)
        there = is_trained(context)
        with gr.Column(visible=there):
            files = gr.File(
                label="Your sounds, 10 MB at most", file_count="multiple", file_types=list(SOUND), height=DROP_PX,
                elem_id="sounds", elem_classes="k-drop",
            )  # fmt: skip
            microphone = gr.Audio(
                label="Or record one", sources=["microphone"], type="filepath", elem_id="record", buttons=[]
            )
            choose = gr.Button("Or choose a clip…", size="sm", elem_id="rate-choose", scale=0, min_width=180)
            with gr.Column(visible=False, elem_classes="k-picking", elem_id="rate-picking") as picking:
                gr.HTML("<h2>Rate…</h2>", **dashboards.STILL)
                clips = Choosing(context, listener, "Rate", columns=True, place="rate")
            ears = gr.Radio(
                list(EARS), value="tagger", label="Who listens", elem_id="ears",
                visible=rated_sounds.has_mel(rated_sounds.model(context.settings.runs_folder)),
            )  # fmt: skip
            showing = gr.State(value=False)
            said = gr.HTML(elem_id="rated-said", **dashboards.STILL)
        with section("Ratings", MEANING, visible=False) as ratings:
            table = dashboards.table("ratings", "How each sound was rated", headers=list(COLUMNS))
        with section("What raised and lowered it", PICTURE, visible=False) as pictures:
            which = gr.Dropdown(label="Sound", elem_id="which-sound", scale=0)
            plot = gr.Plot(label="What raised and lowered it", show_label=False, container=False, elem_id="plot-rated")
        with section("Among the tracks it knows", AMONG, visible=False) as placed:
            tracks = gr.Plot(label="Map of tracks", show_label=False, container=False, elem_id="plot-tracks")
            near = gr.HTML(elem_id="placed-said", **dashboards.STILL)
        if there and (ordered := rated_sounds.orderings(rated_sounds.model(context.settings.runs_folder))):
            with section("Who hears better", ORDERED):
                named = [PLACES.get(place, place) for place in ordered]
                dashboards.table(
                    "orderings", "Who hears better", headers=["", *named], value=orderings(ordered),
                    column_widths=["150px", *["104px"] * len(named)],
                )  # fmt: skip
        if there and (found := rated_sounds.biases(rated_sounds.model(context.settings.runs_folder))):
            with section("What likes depend on beside the sound", BIASED):
                dashboards.table(
                    "biases", "What likes depend on beside the sound", headers=list(BIASES), value=biased(found)
                )
        kept = gr.State([])
    outputs = [said, kept, ratings, table, pictures, which, plot, placed, tracks, near]
    files.upload(bound(rate_files, context), [listener, files, ears], [*outputs, files], js=listener.awaited, **AWAITED)
    microphone.stop_recording(bound(rate_recording, context), [listener, microphone, ears], outputs, **AWAITED)
    clips.filled_after(
        choose.click(
            bound(toggle, context), [listener, showing], [showing, picking, clips.domain], js=listener.awaited, **QUIET
        )
    )
    clips.chosen(
        bound(rate_chosen, context), [listener, clips.clips, ears], [*outputs, showing, picking], js=listener.awaited,
        **AWAITED,
    )  # fmt: skip
    listener.change(bound(arrive, context), listener, outputs, **QUIET)
    which.input(picture, [kept, which], plot, **CHOICE)


def biased(found: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """What likes depend on, a row a group."""
    return [
        [
            each["by"],
            each["group"],
            f"{each['n']:,}",
            f"{percent(each['liked'])} ({percent(each['low'])} to {percent(each['high'])})",
            "" if each["p"] is None else f"{each['p']:.2f}",
            "" if each["more"] is None else " ".join((_points(each["more"]), f"({_points(each['more_low'])} to",
                                                      f"{_points(each['more_high'])})")),
        ]
        for each in found
    ]  # fmt: skip


def orderings(found: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """How well each method orders pairs, a row a method, and last what could be reached."""

    def cell(metrics: Mapping[str, Any], figure: str) -> str:
        each = metrics.get(figure)
        if each is None or each["value"] is None:
            return "–"
        return f"{each['value']:.3f} ({each['low']:.3f} to {each['high']:.3f})"

    rows = {f"rating.pairs.{name}": called for name, called in METHODS.items()}
    rows["rating.ceiling.audible"] = "who knows every share of likes"
    return [
        [called, *(cell(each, figure) for each in found.values())]
        for figure, called in rows.items()
        if any(figure in each for each in found.values())
    ]


def _points(share: float) -> str:
    return f"{round(100 * share):+d}".replace("-", "−")


def is_trained(context: Context) -> bool:
    """Whether there is a network; where there is none, the page says how one is trained."""
    there = bool(rated_sounds.model(context.settings.runs_folder))
    with gr.Column(visible=not there, elem_classes="k-fills"):
        gr.HTML(f"<p>{NOTHING}</p>", **dashboards.STILL)
        out = str(context.settings.runs_folder / rated_sounds.RUN)
        dashboards.copied(commands.python("models.train.rating", "--data", "FOLDER", "--out", out))
    return there


def arrive(context: Context, token: str | None, request: gr.Request) -> list[Any]:
    """Rate the clip (``?clip=ID``) or the piece (``?piece=ID``) that the address names."""
    given = [(kind, str(request.query_params.get(kind, ""))) for kind in ("clip", "piece")]
    name = next((f"{kind}s/{number}" for kind, number in given if number), "")
    if not name:
        return [gr.skip()] * OUTPUTS
    try:
        uuid.UUID(name.partition("/")[2])
    except ValueError:
        return _refused(f"there is no {name}; choose another clip")
    return _rated(context, token, clips=[name])


def toggle(context: Context, token: str | None, showing: bool) -> list[Any]:  # noqa: FBT001 (as Gradio gives it)
    """Show the clips to choose from, or put them away."""
    domain = accounts.account(context.database, listener_of(context, token)).domain
    return [not showing, gr.update(visible=not showing), domain]


def rate_chosen(
    context: Context, token: str | None, rows: list[dict[str, Any]], ears: Ears, event: gr.EventData
) -> list[Any]:
    """Rate a clip of the list, by the name that it has there."""
    row = rows[event.index]
    found = _rated(context, token, clips=[str(row["name"])], called=str(row["heading"]), ears=ears)
    return [*found, False, gr.update(visible=False)]


def rate_files(context: Context, token: str | None, paths: list[str] | None, ears: Ears = "tagger") -> list[Any]:
    """Rate the dropped files, whose copies are deleted."""
    return [*_rated(context, token, paths or [], ears=ears), None]


def rate_recording(context: Context, token: str | None, path: str | None, ears: Ears = "tagger") -> list[Any]:
    """Rate what was just recorded."""
    return _rated(context, token, [path] if path else [], called=RECORDED, ears=ears)


def _refused(why: str) -> list[Any]:
    """Why nothing was rated; what was rated before is hidden, or it would be taken for this."""
    return _shown(f"{capital(why)}.", [], ())


def _rated(
    context: Context, token: str | None, paths: Sequence[str] = (), clips: Sequence[str] = (), *, called: str = "",
    ears: Ears = "tagger",
) -> list[Any]:  # fmt: skip
    try:
        listener_id = listener_of(context, token)
        if len(paths) > rated_sounds.MOST_FILES:
            raise NotAllowed(f"{len(paths)} sounds were dropped; {rated_sounds.MOST_FILES} can be rated at once")
        model = rated_sounds.model(context.settings.runs_folder)
        files = [(called or Path(each).name, Path(each).read_bytes()) for each in paths]
        played = rated_sounds.sounds_of_clips(context.studio, listener_id, clips)
        files += [(called or title, sound) for title, sound in played]
        found = rated_sounds.rate(listener_id, files, model=model, ears=ears)
    except Problem as error:
        return _refused(str(error))
    finally:
        for each in paths:
            Path(each).unlink(missing_ok=True)
    return _shown(summary(found), found, rated_sounds.tracks(model))


def _shown(said: str, found: list[RatedSound], tracks: Sequence[Track]) -> list[Any]:
    pictured = [each for each in found if each.picture is not None]
    names = [(each.name, number) for number, each in enumerate(pictured)]
    return [
        status(said),
        pictured,
        gr.update(visible=bool(pictured)),
        [row(number, each) for number, each in enumerate(found, 1) if not each.problem],
        gr.update(visible=bool(pictured)),
        gr.update(choices=names, value=0 if names else None, visible=len(names) > 1),
        picture(pictured, 0),
        *_among(tracks, found),
    ]


def _among(tracks: Sequence[Track], found: list[RatedSound]) -> list[Any]:
    """The map of tracks with the sounds that have a place on it; hidden where there is none."""
    if not tracks or all(each.x is None for each in found):
        return [gr.update(visible=False), gr.skip(), ""]
    return [gr.update(visible=True), among(tracks, found), status(near_what(tracks, found))]


def near_what(tracks: Sequence[Track], found: list[RatedSound]) -> str:
    """Which tracks each sound that has a place is nearest to, in sentences."""
    genres = {track.name: track.genre for track in tracks}
    said = []
    for number, each in enumerate(found, 1):
        if each.nearest:
            near = ", ".join(f"{genres.get(name, '')} {name}".strip() for name in each.nearest)
            said.append(f"{number}, {each.name}, is nearest to {near}.")
    return " ".join(said)


def picture(kept: list[RatedSound], which: int | None) -> Any:
    """What the network saw of one of the sounds."""
    if which is None or not 0 <= which < len(kept):
        return None
    return seen_and_felt(kept[which])


def row(number: int, sound: RatedSound) -> list[str]:
    """A sound in the table."""
    if sound.p is None or sound.low is None or sound.high is None or sound.rank is None:
        return ["–", sound.name, "no rating", "", ""]
    return [str(number), sound.name, f"{sound.p:.2f}", f"{sound.low:.2f} to {sound.high:.2f}", f"{sound.rank:.0%}"]


def _overlap(first: RatedSound, second: RatedSound) -> bool:
    return first.low is not None and second.high is not None and first.low < second.high


def summary(found: list[RatedSound]) -> str:
    """What became of the sounds, in sentences."""
    rated = [each for each in found if each.p is not None]
    strange = [each.name for each in found if each.p is None and not each.problem]
    said = []
    if len(rated) == 1:
        said.append(f"{rated[0].name} is rated.")
    elif rated:
        unsure = f", but it may be {rated[1].name} as well: their ranges overlap" if _overlap(*rated[:2]) else ""
        said.append(f"{rated[0].name} is rated highest{unsure}.")
    if strange:
        one = len(strange) == 1
        said.append(f"No rating, since {'it is' if one else 'they are'} unlike anything heard: {', '.join(strange)}.")
    said += [f"{each.problem}." for each in found if each.problem]
    said += [f"{remark}." for each in found for remark in each.remarks]
    return " ".join(said)
