"""Endpoints of what fits better: questions, answers, and what they have taught."""

from __future__ import annotations

import uuid

from typing_extensions import TypedDict

from webapp.api.listening import Fit, FitAnswered, Milliseconds
from webapp.composing import media
from webapp.context import Context
from webapp.fit import learned
from webapp.fit.questions import FitOutcome, ShownFit
from webapp.listening.comparison import require_pace
from webapp.ui.endpoints.endpoint import Endpoint, Token
from webapp.ui.handlers import claim_of, claim_of_looking


class SaidLink(TypedDict):
    """A link between pictures and music in words, with the odds that it is so."""

    words: str
    odds: float
    unlike_most: bool


class Tie(TypedDict):
    """A listener's tie: what picks tell, what most people hear, and how many of the picks were foreseen."""

    picks: int
    foreseen: float | None
    foreseen_low: float
    foreseen_high: float
    own: list[SaidLink]
    guessed: list[SaidLink]
    links: list[list[float]]


def next_fit(context: Context, token: Token) -> Fit:
    """Give the question that the listener is asked now: one clip and two pictures, or two clips and one picture.

    Sound and notes lie at the application's address followed by audio_url (MP3) or notes_url (JSON), pictures at url.

    Args:
        token: the listener's token, from new_listener.

    Returns:
        fit_id for the answer, the kind, and the clips and pictures, the left one first.
    """
    claim = claim_of_looking(context, token)
    _, found = context.questions.open(claim.listener_id, claim)
    return _opened(context, found[0])


def vote_fit(
    context: Context, token: Token, fit_id: uuid.UUID, outcome: FitOutcome, heard_ms: list[Milliseconds]
) -> FitAnswered:
    """Answer which fits better. The same answer again gives the same; another outcome is refused.

    Args:
        token: the listener's token.
        fit_id: the question's, from next_fit.
        outcome: left, right, equal, or skipped.
        heard_ms: how many milliseconds each clip of the question sounded.

    Returns:
        How many picks there are now, whether this one was foreseen, and the open questions.
    """
    heard = [round(each) for each in heard_ms]
    claim = claim_of(context, token)
    require_pace(claim.listener_id)
    found = context.questions.answer(claim.listener_id, fit_id, outcome, heard, claim)
    return FitAnswered(
        fit_id=fit_id, outcome=outcome, picks=found.picks, foreseen=found.foreseen,
        open=[_opened(context, each) for each in found.open],
    )  # fmt: skip


def tie(context: Context, token: Token) -> Tie:
    """Say what a listener's picks of what fits better have taught about how pictures sound to them.

    Args:
        token: the listener's token.

    Returns:
        own: what the picks tell, strongest first; guessed: what most people hear; foreseen: share of picks foreseen;
        links: for kallos film --way learned.
    """
    claim = claim_of(context, token)
    found = learned.overview(context.database, claim.listener_id, new=claim.new)
    share = found.foreseen
    return {
        "picks": found.picks, "foreseen": share.value if share.n else None,
        "foreseen_low": share.low, "foreseen_high": share.high,
        "own": [_said(each) for each in found.own],
        "guessed": [_said(each) for each in found.guessed], "links": found.links,
    }  # fmt: skip


def _said(link: learned.SaidLink) -> SaidLink:
    return {"words": link.words, "odds": link.odds, "unlike_most": link.unlike_most}


def _opened(context: Context, shown: ShownFit) -> Fit:
    """A question with addresses that need no token, as a notebook fetches them."""
    fit = Fit.of(shown)
    for clip in fit.clips:
        key = context.identity.key_of(clip.clip_id)
        clip.audio_url, clip.notes_url = (
            each and media.opened_by(each, key) for each in (clip.audio_url, clip.notes_url)
        )
    return fit


ENDPOINTS = (
    Endpoint("next_fit", next_fit),
    Endpoint("vote_fit", vote_fit),
    Endpoint("tie", tie),
)
