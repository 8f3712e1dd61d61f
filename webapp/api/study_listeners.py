"""The HTTP interface of a study's tastes, ``/api/tastes``: for researchers; nothing there names a listener."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from webapp.api.dependencies import ERRORS, TheContext
from webapp.research import access

router = APIRouter(prefix="/api/tastes", tags=["research"])


Key = Annotated[str, Query(max_length=200)]


@router.get("")
def read_studies(context: TheContext, key: Key = "") -> dict[str, Any]:
    """``{studies: [{study_id, listeners, votes}]}``, the largest first; other than the default one with a ``key``."""
    from webapp.research import study_listeners  # noqa: PLC0415 (pandas, which no listener needs)

    return {"studies": access.seen(context.settings, context.database.transaction(study_listeners.overview), key)}


@router.get("/{name}", responses=ERRORS)
def read_figure(
    name: str,
    context: TheContext,
    study: Annotated[str, Query(max_length=64)] = "default",
    key: Key = "",
    form: Literal["json", "csv"] = "json",
) -> Response:
    """``kinds``, ``ceilings``, ``calibration``, ``policies`` or ``popularity`` of a study, drawn or as CSV.

    ``study=simulated``: the listeners that come with Kallos. Studies other than the default one need the researchers'
    ``key`` (``KALLOS_RESEARCH_KEY``).
    """
    from webapp.research import simulated_study, study_listeners  # noqa: PLC0415 (as above)

    if study == simulated_study.NAME and name in simulated_study.PLOTS:
        drawn = simulated_study.draw(name)
    else:
        access.require(context.settings, study, key)
        drawn = context.database.transaction(lambda session: study_listeners.draw(session, context.space, name, study))
    if form == "json":
        return JSONResponse(drawn.to_json())
    return Response(drawn.to_csv(), media_type="text/csv; charset=utf-8")
