"""Endpoints of taste: what a listener seems to love, and why a clip."""

from __future__ import annotations

import uuid

from webapp.context import Context
from webapp.taste import explanation, overview
from webapp.ui.endpoints.endpoint import SLOW, Endpoint, SourceName, Token
from webapp.ui.handlers import listener_of


def taste(context: Context, token: Token) -> overview.TasteOverview:
    """Tell what a listener seems to love, with its doubt, how well their votes were foreseen, and their best clips.

    Args:
        token: the listener's token.

    Returns:
        Effects by style with standard deviations, habits of answering, accuracy of the predictions made before each
        vote, and the clips of highest utility among those that they have met.
    """
    return overview.overview(context.database, context.playable, listener_of(context, token))


def why(context: Context, token: Token, clip: SourceName) -> explanation.Explanation:
    """Explain why a listener likes a clip that they have voted on.

    Args:
        token: the listener's token.
        clip: the clip's id.

    Returns:
        The chance that they pick it rather than the average clip of its domain, and what each style adds.
    """
    clip_id = uuid.UUID(clip.rpartition("/")[2])
    return explanation.explain_clip(context.studio, listener_of(context, token), clip_id)


ENDPOINTS = (Endpoint("taste", taste), Endpoint("why", why, SLOW))
