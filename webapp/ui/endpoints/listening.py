"""Endpoints of listening: pairs, the most beautiful of four, and the votes on them."""

from __future__ import annotations

import uuid

from models.taste.head import Pick
from models.taste.likelihood import Outcome
from webapp.api.listening import Clip, Four, Milliseconds, Offer, Picked, Voted
from webapp.composing import media
from webapp.context import Context
from webapp.listening import Shown
from webapp.listening.comparison import require_heard, require_pace
from webapp.runtime.errors import NotAllowed
from webapp.ui.endpoints.endpoint import Endpoint, Token
from webapp.ui.handlers import claim_of, claim_of_looking


def next_pair(context: Context, token: Token) -> Offer:
    """Give the pair that the listener is to compare now; it stays the same until it is voted on.

    Sound and notes lie at the application's address followed by audio_url (MP3) or notes_url (JSON).

    Args:
        token: the listener's token, from new_listener.

    Returns:
        The pair: offer_id for the vote, and left and right with clip_id, audio_url, notes_url and seconds.
    """
    claim = claim_of_looking(context, token)
    return _pair(context, context.pairs.open(claim.listener_id, claim)[0])


def vote(
    context: Context,
    token: Token,
    offer_id: uuid.UUID,
    outcome: Outcome,
    *,
    heard_left_ms: Milliseconds = 0.0,
    heard_right_ms: Milliseconds = 0.0,
) -> Voted:
    """Vote on a pair. The same vote again changes nothing and gives the same; another outcome is refused.

    Args:
        token: the listener's token.
        offer_id: the pair's, from next_pair.
        outcome: the more beautiful one (left or right), equal, neither, or skipped.
        heard_left_ms: how many milliseconds the left clip sounded: 1000 at least, unless the pair is skipped.
        heard_right_ms: how many milliseconds the right clip sounded, likewise.

    Returns:
        How many picks there are now, and the open pairs, of which the first is the next one.
    """
    heard = (round(heard_left_ms), round(heard_right_ms))
    claim = claim_of(context, token)
    require_pace(claim.listener_id)
    require_heard(outcome, heard)
    recorded = context.pairs.record_vote(claim.listener_id, offer_id, outcome, heard, claim)
    return Voted(
        offer_id=recorded.id,
        outcome=outcome,
        picks=recorded.picks,
        picks_of_pictures=recorded.picks_of_pictures,
        open=[_pair(context, each) for each in recorded.open],
    )


def next_four(context: Context, token: Token) -> Four:
    """Give the four clips of which the listener is to pick the most beautiful now.

    Args:
        token: the listener's token, from new_listener.

    Returns:
        four_id for the vote, and the clips a, b, c and d in this order.
    """
    claim = claim_of_looking(context, token)
    return _four(context, context.best_of_four.open(claim.listener_id, claim)[0])


def vote_four(
    context: Context,
    token: Token,
    four_id: uuid.UUID,
    outcome: Pick,
    heard_ms: list[Milliseconds] | None = None,
) -> Picked:
    """Pick the most beautiful of four. The same pick again gives the same; another outcome is refused.

    Args:
        token: the listener's token.
        four_id: the four's, from next_four.
        outcome: a, b, c, d, none of them, or skipped.
        heard_ms: how many milliseconds each of the four sounded: 1000 for two of them at least, unless it is skipped.

    Returns:
        How many picks there are now, and the open fours, of which the first is the next one.
    """
    heard = [round(each) for each in heard_ms or (0.0,) * 4]
    if len(heard) != 4:
        raise NotAllowed(f"heard_ms has {len(heard)} numbers; give four, one for each clip")
    claim = claim_of(context, token)
    require_pace(claim.listener_id)
    require_heard(outcome, heard)
    recorded = context.best_of_four.record_vote(claim.listener_id, four_id, outcome, heard, claim)
    return Picked(
        four_id=recorded.id,
        outcome=outcome,
        picks=recorded.picks,
        picks_of_pictures=recorded.picks_of_pictures,
        open=[_four(context, each) for each in recorded.open],
    )


def _pair(context: Context, shown: Shown) -> Offer:
    pair = Offer.of(shown)
    return pair.model_copy(update={side: _open(context, getattr(pair, side)) for side in ("left", "right")})


def _four(context: Context, shown: Shown) -> Four:
    four = Four.of(shown)
    return four.model_copy(update={"clips": [_open(context, clip) for clip in four.clips]})


def _open(context: Context, clip: Clip) -> Clip:
    """The clip with addresses that need no token, as a notebook fetches them; all alike, whosever the clip is."""
    key = context.identity.key_of(clip.clip_id)
    there = {name: getattr(clip, name) for name in ("audio_url", "notes_url", "image_url")}
    found = {name: address and media.opened_by(address, key) for name, address in there.items()}
    return clip.model_copy(update=found)


ENDPOINTS = (
    Endpoint("next_pair", next_pair),
    Endpoint("vote", vote),
    Endpoint("next_four", next_four),
    Endpoint("vote_four", vote_four),
)
