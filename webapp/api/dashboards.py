"""The HTTP interface of the dashboards: ``/api/runs``, ``/api/retrieval``, ``/api/plots/NAME``; nothing personal.

``form=csv`` gives the data behind a plot.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from webapp.api.dependencies import ERRORS, TheContext
from webapp.context import Context
from webapp.runtime import commands

router = APIRouter(prefix="/api", tags=["research"])
Name = Annotated[str, Field(max_length=400)]
Names = Annotated[list[Name], Field(max_length=100)]


class Wanted(BaseModel):
    """What a plot is of; each takes what it needs, and what isn't given is chosen."""

    model_config = ConfigDict(extra="forbid")
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


@router.get("/retrieval")
def read_studies(context: TheContext) -> dict[str, Any]:
    """Every study of models of titles and tunes: what it compares, what it watches, and how far it is."""
    from webapp.research import retrieval  # noqa: PLC0415 (as above)

    studies = context.database.transaction(retrieval.overview)
    return {"studies": studies, **_fill(context, "title_study", "study")}


@router.get("/plots/{name}", responses=ERRORS)
def read_plot(context: TheContext, name: str, wanted: Annotated[Wanted, Query()]) -> Response:
    """A plot for plotly.js with where it comes from, or the data behind it."""
    from webapp.research import figures  # noqa: PLC0415 (plotly takes its time)

    given = wanted.model_dump(exclude={"form", "condition", "run", "figure"}, exclude_defaults=True)
    asked = figures.Asked(
        **given, conditions=tuple(wanted.condition), runs=tuple(wanted.run), figures=tuple(wanted.figure)
    )

    def work(session: Session) -> figures.Drawn:
        return figures.draw(session, name, asked)

    drawn = context.database.transaction(work)
    if wanted.form == "json":
        return JSONResponse(drawn.to_json())
    return Response(drawn.to_csv(), media_type="text/csv; charset=utf-8")
