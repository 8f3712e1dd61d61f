"""The HTTP interface of a study's tastes, ``/api/tastes``: for researchers; nothing there names a listener."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from webapp.api.dependencies import ERRORS, TheContext
from webapp.research import access

router = APIRouter(prefix="/api/tastes", tags=["research"])


Key = Annotated[str, Query(max_length=200)]
About = Literal["music", "pictures"]


@router.get("")
def read_studies(context: TheContext, key: Key = "", about: About = "music") -> dict[str, Any]:
    """``{studies: [{study_id, listeners, votes}]}``, the largest first; other than the default one with a ``key``.

    Counted are the votes ``about`` music, or pictures.
    """
    from webapp.research import study_listeners  # noqa: PLC0415 (pandas, which no listener needs)

    pictures = about == "pictures"
    found = context.database.transaction(lambda session: study_listeners.overview(session, pictures=pictures))
    return {"studies": access.seen(context.settings, found, key)}


@router.get("/{name}", responses=ERRORS)
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
    from webapp.research import simulated_study, study_listeners  # noqa: PLC0415 (as above)

    if study == simulated_study.NAME and name in simulated_study.PLOTS:
        drawn = simulated_study.draw(name)
    else:
        access.require(context.settings, study, key)
        space = context.picture_space if about == "pictures" else context.space
        drawn = context.database.transaction(lambda session: study_listeners.draw(session, space, name, study))
    if form == "json":
        return JSONResponse(drawn.to_json())
    return Response(drawn.to_csv(), media_type="text/csv; charset=utf-8")
