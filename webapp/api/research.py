"""The HTTP interface for researchers: dashboards, a study's tastes and the Styles page; nothing there names a listener.

``/api/runs``, ``/api/retrieval`` and ``/api/plots/NAME`` are of training runs, ``/api/tastes`` of a study's listeners,
``/api/styles`` of what was measured of styles, and walks along one. ``form=csv`` gives the data behind a plot. A walk
is told whole by its query, so that an address opens it again.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse
from pydantic import Field
from sqlalchemy.orm import Session

from models.music.notes import Domain
from models.style.latents import MOST_GUIDANCE
from webapp.api.dependencies import ERRORS, IMMUTABLE, Known, TheContext
from webapp.context import Context
from webapp.maps import open_maps
from webapp.research.styles import codes, mood_clips, tables, walk
from webapp.runtime import commands
from webapp.runtime.errors import NotAllowed, NotYours
from webapp.runtime.requests import Strict
from webapp.runtime.waiting import heed
from webapp.studies import keys
from webapp.studio import formats
from webapp.studio.formats import piano_roll

router = APIRouter(prefix="/api", tags=["research"])
Name = Annotated[str, Field(max_length=400)]
Names = Annotated[list[Name], Field(max_length=100)]


class Wanted(Strict):
    """What a plot is of; each takes what it needs, and what isn't given is chosen."""

    study: Name = ""
    direction: Name = ""
    measure: Name = ""
    query: Name = ""
    genre: Name = ""
    condition: Names = Field(default_factory=list)
    run: Names = Field(default_factory=list)
    figure: Names = Field(default_factory=list)
    smoothing: float = 0.0
    form: Literal["json", "csv"] = "json"


def _fill(context: Context, module: str, name: str) -> dict[str, str]:
    """What fills an empty page: the folder that is watched, and the command that writes there."""
    return {"folder": str(context.settings.runs_folder), "fill": commands.training(context.settings, module, name)}


@router.get("/runs")
def read_runs(context: TheContext) -> dict[str, Any]:
    """Every training run whose log was found, the one that was logged to last first."""
    from webapp.research import runs  # noqa: PLC0415 (pandas, which no listener needs)

    return {"runs": context.database.transaction(runs.listing), **_fill(context, "titles", "titles")}


@router.get("/agent/{name}/clips/{number}", responses=ERRORS, response_class=Response)
def read_agent_clip(name: str, number: int) -> Response:
    """What an agent that comes with Kallos (dance or tension) played at some step of its training, as MP3."""
    from webapp.rating import shipped_agent  # noqa: PLC0415 (the synthesiser, which few need)

    headers = {"Cache-Control": IMMUTABLE}
    return Response(shipped_agent.sound(name, number), media_type="audio/mpeg", headers=headers)


@router.get("/retrieval")
def read_studies(context: TheContext) -> dict[str, Any]:
    """Every study of models of titles and tunes: what it compares, what it watches, and how far it is."""
    from webapp.research import retrieval  # noqa: PLC0415 (pandas, which no listener needs)

    studies = context.database.transaction(retrieval.overview)
    return {"studies": studies, **_fill(context, "title_study", "study")}


@router.get("/plots/{name}", responses=ERRORS)
def read_plot(context: TheContext, name: str, wanted: Annotated[Wanted, Query()]) -> Response:
    """A plot for plotly.js with where it comes from, or the data behind it."""
    from webapp.research import figures  # noqa: PLC0415 (plotly takes its time)

    given = wanted.model_dump(exclude={"form", "condition", "run", "figure"}, exclude_defaults=True)
    figure_request = figures.FigureRequest(
        **given, conditions=tuple(wanted.condition), runs=tuple(wanted.run), figures=tuple(wanted.figure)
    )

    def work(session: Session) -> figures.Drawn:
        return figures.draw(session, name, figure_request)

    drawn = context.database.transaction(work)
    if wanted.form == "json":
        return JSONResponse(drawn.to_json())
    return Response(drawn.to_csv(), media_type="text/csv; charset=utf-8")


tastes_router = APIRouter(prefix="/api/tastes", tags=["research"])


Key = Annotated[str, Query(max_length=200)]
About = Literal["music", "pictures"]


@tastes_router.get("", name="read_studies")
def read_tastes(context: TheContext, key: Key = "", about: About = "music") -> dict[str, Any]:
    """``{studies: [{study_id, listeners, votes}]}``, the largest first; other than the default one with a ``key``.

    Counted are the votes ``about`` music, or pictures.
    """
    from webapp.research import study_listeners  # noqa: PLC0415 (pandas, which no listener needs)

    pictures = about == "pictures"
    found = context.database.transaction(lambda session: study_listeners.overview(session, pictures=pictures))
    return {"studies": keys.seen(context.settings, found, key)}


@tastes_router.get("/{name}", responses=ERRORS)
def read_figure(
    name: str,
    context: TheContext,
    study: Annotated[str, Query(max_length=64)] = "default",
    key: Key = "",
    *,
    form: Literal["json", "csv"] = "json",
    about: About = "music",
) -> Response:
    """``kinds``, ``ceilings``, ``calibration``, ``policies`` or ``popularity`` of a study, drawn or as CSV.

    Of its votes ``about`` music, or pictures. ``study=simulated``: the listeners that come with Kallos. Studies other
    than the default one need the researchers' ``key`` (``KALLOS_RESEARCH_KEY``).
    """
    from webapp.research import study_listeners  # noqa: PLC0415 (pandas, which no listener needs)

    if study == study_listeners.SIMULATED_NAME and name in study_listeners.SIMULATED_PLOTS:
        drawn = study_listeners.draw_simulated(name)
    else:
        keys.require(context.settings, study, key)
        space = context.picture_space if about == "pictures" else context.space
        drawn = context.database.transaction(lambda session: study_listeners.draw(session, space, name, study))
    if form == "json":
        return JSONResponse(drawn.to_json())
    return Response(drawn.to_csv(), media_type="text/csv; charset=utf-8")


styles_router = APIRouter(prefix="/api/styles", tags=["research"], dependencies=[Depends(heed)])
CSV = "text/csv; charset=utf-8"
Place = Annotated[int, Field(ge=0, lt=len(walk.STEPS))]


class Asked(Strict):
    """A walk: along which style, from ``clips/ID``, ``pieces/ID`` or the prior's draw of a domain and seed.

    ``guidance`` (0 to 4): how strictly the prior goes by kind of music, key and codes; 1 is as learned.
    """

    group: Annotated[str, Field(max_length=20)]
    domain: Domain = "pop"
    seed: Annotated[int, Field(ge=0, lt=2**53)] = 0
    guidance: Annotated[float, Field(ge=0, le=MOST_GUIDANCE, allow_inf_nan=False)] = 1.0
    source: Annotated[str, Field(pattern=r"^((clips|pieces)/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$")] = ""


def _walk_request(wanted: Annotated[Asked, Query()]) -> walk.WalkRequest:
    if wanted.group not in walk.WALKS:
        raise NotAllowed(f"the style {wanted.group!r} was asked for; there are {', '.join(walk.WALKS)}")
    return walk.WalkRequest(**wanted.model_dump())


WantedWalk = Annotated[walk.WalkRequest, Depends(_walk_request)]


RunName = Annotated[str, Query(max_length=400)]


def _tables(context: TheContext, run: str) -> list[tables.Table]:
    try:
        return tables.all_tables(context.style_folder, context.settings.runs_folder, run)
    except KeyError as error:
        raise _no_run(context, run) from error
    except (ValueError, OSError) as error:
        raise NotAllowed(f"what was measured can't be read: {error}") from error


def _no_run(context: TheContext, run: str) -> NotYours:
    there = list(tables.logged_runs(context.style_folder, context.settings.runs_folder))
    return NotYours(f"there is no style run {run[:80]!r}; there are {', '.join(there[:20])}")


@styles_router.get("", responses=ERRORS)
def read_styles(context: TheContext, run: RunName = "") -> dict[str, Any]:
    """``{model_version, tables, run, runs, walks}``; ``walks``: the styles along which one can walk, what fills it.

    ``run`` is the training run, among ``runs``, that the tables over training are of.
    """
    found = _tables(context, run)
    try:
        known = context.studio.dials.known
    except ValueError as error:
        raise NotAllowed(str(error)) from error
    groups: dict[str, dict[str, Any]] = {}
    if known:
        groups = {name: {"attribute": each.attribute, "sd": each.sd} for name, each in known.groups.items()}
        groups |= {name: {"attribute": None, "sd": walk.CODE_STEP} for name in walk.CODE_WALKS}
    fill = commands.evaluation("evaluate.relations", context.style_folder)
    return {
        "model_version": context.space.version,
        "tables": [table.to_json() for table in found],
        "run": tables.chosen_run(context.style_folder, context.settings.runs_folder, run)[0],
        "runs": list(tables.logged_runs(context.style_folder, context.settings.runs_folder)),
        "walks": {"groups": groups, "fill": fill, "about": dict(known.about) if known else None},
    }


@styles_router.get("/tables/{name}.csv", responses=ERRORS)
def read_table(context: TheContext, name: str, run: RunName = "") -> Response:
    """A table as CSV, one line a figure."""
    found = {table.name: table for table in _tables(context, run)}
    if name not in found:
        raise NotYours(f"there is no table {name[:40]!r}; there are {', '.join(found)}")
    headers = {"Content-Disposition": f'attachment; filename="kallos-{name}.csv"'}
    return Response(found[name].to_csv(), media_type=CSV, headers=headers)


@styles_router.get("/hardest", responses=ERRORS)
def read_hardest(
    context: TheContext,
    run: RunName = "",
    curve: Literal["losses", "bits", "curiosity"] = "losses",
    form: Literal["json", "csv"] = "json",
) -> Response:
    """What is left of each style's loss over a training run, its rate, or what its swaps cost: drawn, or as CSV."""
    try:
        drawn = tables.draw_curve(context.style_folder, context.settings, run, curve)
    except KeyError as error:
        raise _no_run(context, run) from error
    except ValueError as error:
        raise NotAllowed(str(error)) from error
    return JSONResponse(drawn.to_json()) if form == "json" else Response(drawn.to_csv(), media_type=CSV)


@styles_router.get("/codes", responses=ERRORS)
def read_codes(context: TheContext, listener_id: Known, domain: Domain = "dance") -> dict[str, Any]:
    """Of each style code, pieces by its five values (``level`` 0 to 4) and how it goes with what has a name."""
    try:
        return codes.read_codes(context.studio, listener_id, domain).to_json()
    except ValueError as error:
        raise NotAllowed(f"what was saved of the codes can't be read: {error}") from error


@styles_router.get("/codes.csv", responses=ERRORS)
def read_codes_table(context: TheContext) -> Response:
    """The real pieces among them as CSV."""
    headers = {"Content-Disposition": 'attachment; filename="kallos-code-examples.csv"'}
    return Response(codes.to_csv(context.style_folder), media_type=CSV, headers=headers)


@styles_router.get("/codes/pieces/{place}/{form}", responses=ERRORS)
def read_code_piece(context: TheContext, place: int, form: Literal["notes", "flac", "mid"]) -> Response:
    """A real piece: the notes of its first eight whole bars, their sound, or MIDI."""
    source = codes.real_piece(context.studio, place)
    if form == "notes":
        return JSONResponse(asdict(piano_roll(source)))
    if form == "mid":
        return Response(formats.midi(source), media_type="audio/midi")
    return Response(formats.sound(source, form), media_type="audio/flac")


def _mood_clips(context: TheContext, map_id: uuid.UUID, domain: Domain) -> mood_clips.MoodClips:
    return mood_clips.read_clips(open_maps.opened(context.database, context.clip_store, map_id), domain)


MoodClips = Annotated[mood_clips.MoodClips, Depends(_mood_clips)]


@styles_router.get("/moods/{map_id}/points", responses=ERRORS)
def read_mood_points(clips: MoodClips, group: Annotated[str, Query(max_length=20)] = "harmony") -> dict[str, Any]:
    """Clips of a map by the mood that a linear probe reads from one group of latents: ``{rows, x, y, text, colours}``.

    ``x``: valence, ``y``: arousal, above 0 where it is read as high; ``colours.mood``: what the judge says.
    """
    return clips.points(group)


@styles_router.get("/moods/{map_id}/accuracy.csv", responses=ERRORS)
def read_mood_accuracy(clips: MoodClips) -> Response:
    """How often a linear probe on each group of latents reads valence and arousal of these clips rightly, as CSV."""
    headers = {"Content-Disposition": f'attachment; filename="kallos-mood-accuracy-{clips.domain}.csv"'}
    return Response(clips.to_csv(), media_type=CSV, headers=headers)


@styles_router.get("/walk", responses=ERRORS)
def read_walk(context: TheContext, listener_id: Known, wanted: WantedWalk) -> list[dict[str, Any]]:
    """The steps of a walk with the attributes that they have, the least of the style first."""
    return [step.to_json() for step in walk.walk(context.studio, listener_id, wanted)]


@styles_router.get("/walk.csv", responses=ERRORS)
def read_walk_table(context: TheContext, listener_id: Known, wanted: WantedWalk) -> Response:
    """The same as CSV."""
    return Response(
        walk.to_csv(
            walk.walk(context.studio, listener_id, wanted),
            wanted,
        ),
        media_type=CSV,
    )


@styles_router.get("/walk/{step}/{form}", responses=ERRORS)
def read_step(
    context: TheContext, listener_id: Known, wanted: WantedWalk, step: Place, form: Literal["notes", "flac", "mid"]
) -> Response:
    """One step: its notes, its sound, or MIDI."""
    found = walk.walk(context.studio, listener_id, wanted)[step]
    if form == "notes":
        return JSONResponse(found.to_json())
    return Response(found.sound(form), media_type="audio/flac" if form == "flac" else "audio/midi")


class AskedSwap(Strict):
    """A swap: of which style, between the two draws of a kind of music that ``seed`` names."""

    group: Annotated[str, Field(max_length=20)]
    domain: Domain = "pop"
    seed: Annotated[int, Field(ge=0, lt=2**52)] = 0


Swapped = Annotated[AskedSwap, Query()]


@styles_router.get("/swap", responses=ERRORS)
def read_swap(context: TheContext, listener_id: Known, wanted: Swapped) -> dict[str, Any]:  # noqa: ARG001 (must be known)
    """``{piece, donor, swapped}``: two draws, and the first with one style of the second, each with its attributes."""
    found = walk.swap(context.studio, walk.SwapRequest(**wanted.model_dump()))
    return {part: each.to_json() for part, each in found.items()}


@styles_router.get("/swap/{part}/{form}", responses=ERRORS)
def read_swapped(
    context: TheContext,
    listener_id: Known,  # noqa: ARG001 (as above)
    wanted: Swapped,
    part: Literal["piece", "donor", "swapped"],
    form: Literal["notes", "flac", "mid"],
) -> Response:
    """One of the three: its notes, its sound, or MIDI."""
    found = walk.swap(context.studio, walk.SwapRequest(**wanted.model_dump()))[part]
    if form == "notes":
        return JSONResponse(found.to_json())
    return Response(found.sound(form), media_type="audio/flac" if form == "flac" else "audio/midi")
