"""The HTTP interface of the Styles page, under ``/api/styles``: what was measured, and walks along one style.

Every table comes as CSV too. A walk is told whole by its query, so that an address opens it again.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from models.music.notes import Domain
from webapp.api import ERRORS, Known, TheHouse
from webapp.services.problems import NotAllowed, NotYours
from webapp.services.studio import turning
from webapp.services.styles import tables, walk

router = APIRouter(prefix="/api/styles", tags=["research"])
CSV = "text/csv; charset=utf-8"
Place = Annotated[int, Field(ge=0, lt=len(walk.STEPS))]


class Asked(BaseModel):
    """A walk: along which style, from ``clips/ID``, ``pieces/ID`` or the prior's draw of a domain and seed."""

    model_config = ConfigDict(extra="forbid")
    group: Annotated[str, Field(max_length=20)]
    domain: Domain = "pop"
    seed: Annotated[int, Field(ge=0, lt=2**53)] = 0
    source: Annotated[str, Field(pattern=r"^((clips|pieces)/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$")] = ""


def _asked(wanted: Annotated[Asked, Query()]) -> walk.Asked:
    if wanted.group not in walk.WALKS:
        raise NotAllowed(f"the style {wanted.group!r} was asked for; there are {', '.join(walk.WALKS)}")
    return walk.Asked(**wanted.model_dump())


AskedFor = Annotated[walk.Asked, Depends(_asked)]


def _tables(house: TheHouse) -> list[tables.Table]:
    try:
        return tables.all_tables(house.style_folder, house.settings.runs_folder)
    except (ValueError, OSError) as error:
        raise NotAllowed(f"what was measured can't be read: {error}") from error


@router.get("", responses=ERRORS)
def read_styles(house: TheHouse) -> dict[str, Any]:
    """``{model_version, tables, walks}``; ``walks`` names the styles along which one can walk, with what fills it."""
    found = _tables(house)
    try:
        known = turning.directions(house)
    except ValueError as error:
        raise NotAllowed(str(error)) from error
    groups: dict[str, dict[str, Any]] = {}
    if known:
        groups = {name: {"attribute": each.attribute, "sd": each.sd} for name, each in known.groups.items()}
        groups |= {name: {"attribute": None, "sd": walk.CODE_STEP} for name in walk.CODE_WALKS}
    return {
        "model_version": house.space.version,
        "tables": [table.to_json() for table in found],
        "walks": {"groups": groups, "fill": turning.FILL, "about": dict(known.about) if known else None},
    }


@router.get("/tables/{name}.csv", responses=ERRORS)
def read_table(house: TheHouse, name: str) -> Response:
    """A table as CSV, one line a figure."""
    found = {table.name: table for table in _tables(house)}
    if name not in found:
        raise NotYours(f"there is no table {name[:40]!r}; there are {', '.join(found)}")
    headers = {"Content-Disposition": f'attachment; filename="kallos-{name}.csv"'}
    return Response(found[name].to_csv(), media_type=CSV, headers=headers)


@router.get("/walk", responses=ERRORS)
def read_walk(house: TheHouse, listener_id: Known, asked: AskedFor) -> list[dict[str, Any]]:
    """The steps of a walk with the attributes that they have, the least of the style first."""
    return [step.to_json() for step in walk.walk(house, listener_id, asked)]


@router.get("/walk.csv", responses=ERRORS)
def read_walk_table(house: TheHouse, listener_id: Known, asked: AskedFor) -> Response:
    """The same as CSV."""
    return Response(walk.to_csv(walk.walk(house, listener_id, asked), asked), media_type=CSV)


@router.get("/walk/{step}/{form}", responses=ERRORS)
def read_step(
    house: TheHouse, listener_id: Known, asked: AskedFor, step: Place, form: Literal["notes", "flac", "mid"]
) -> Response:
    """One step: its notes, its sound, or MIDI."""
    found = walk.walk(house, listener_id, asked)[step]
    if form == "notes":
        return JSONResponse(found.to_json())
    return Response(found.sound(form), media_type="audio/flac" if form == "flac" else "audio/midi")
