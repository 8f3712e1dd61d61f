"""The HTTP interface under ``/api/taste``: what is loved, why a clip is, what would change that, and blind tests."""

from __future__ import annotations

import uuid

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from webapp.api.dependencies import ERRORS, Known, TheContext
from webapp.taste import blind_tests, claims, counterfactual, explanation, overview

router = APIRouter(prefix="/api/taste", tags=["taste"])


class Checked(BaseModel):
    """A piece whose claim is to be checked."""

    model_config = ConfigDict(extra="forbid")
    piece_id: uuid.UUID


@router.get("", responses=ERRORS)
def read_taste(context: TheContext, listener_id: Known) -> overview.TasteOverview:
    """What the listener seems to love, style by style, how sure that is, and how well votes were foreseen."""
    return overview.overview(context.database, context.playable, listener_id)


@router.get("/proof", responses=ERRORS)
def read_blind_tests(context: TheContext, listener_id: Known) -> blind_tests.BlindTests:
    """Whether what is composed for the listener is personal, by blind pairs among the usual ones."""
    return blind_tests.of_listener(context.database, context.playable, listener_id)


@router.get("/clips/{clip_id}/why", responses=ERRORS)
def explain_clip(clip_id: uuid.UUID, context: TheContext, listener_id: Known) -> explanation.Explanation:
    """Why the listener likes a clip that they have voted on, style by style."""
    return explanation.explain_clip(context.studio, listener_id, clip_id)


@router.post("/clips/{clip_id}/change", status_code=201, responses=ERRORS)
def compose_change(clip_id: uuid.UUID, context: TheContext, listener_id: Known) -> counterfactual.Counterfactual:
    """Compose the one style swap that would raise the clip most for this listener, to play beside it."""
    return counterfactual.compose_change(context.studio, context.maker_of, listener_id, clip_id)


@router.get("/checks", responses=ERRORS)
def read_claims(context: TheContext, listener_id: Known) -> claims.Claims:
    """How many of the offered claims were right."""
    return claims.of_listener(context.database, listener_id)


@router.post("/checks", status_code=202, responses=ERRORS)
def offer_claim(given: Checked, context: TheContext, listener_id: Known) -> claims.Claims:
    """Offer a changed piece against its original among the next pairs."""
    return claims.offer(context.database, context.maker_of, listener_id, given.piece_id)
