"""Endpoints of listening: an account made, brought and deleted; pairs, fours and votes; what somebody loves."""

from __future__ import annotations

import json
import uuid
from typing import Annotated, Literal

import gradio as gr
from pydantic import Field

from models.taste.head import Pick
from models.taste.likelihood import Outcome
from webapp.api.listening import Clip, Four, Milliseconds, Offer, Picked, Voted
from webapp.composing import media
from webapp.context import Context
from webapp.learning.playable_clips import AnyDomain
from webapp.listeners import accounts, archive, restore
from webapp.listening import Shown, newcomers
from webapp.listening.comparison import require_heard, require_pace
from webapp.runtime.errors import NotAllowed
from webapp.runtime.limits import EXPORT_BYTES
from webapp.runtime.listener_files import Downloads
from webapp.taste import explanation, overview
from webapp.ui.endpoints.endpoint import SLOW, Endpoint, File, SourceName, Token, file_for
from webapp.ui.handlers import claim_of, claim_of_looking, listener_of


def new_listener(context: Context, domain: AnyDomain = "pop", request: gr.Request | None = None) -> str:
    """Make a new anonymous listener, and give the token by which the other endpoints know them.

    Whoever has the token is this listener: keep it as you would keep a password.

    Args:
        domain: what they compare: pop, dance, chorale or pictures.

    Returns:
        The listener's token.
    """
    accounts.admit(request.client.host if request and request.client else None)
    claim = context.newcomers.come()
    if domain != newcomers.DOMAIN:
        context.newcomers.settle(claim)
        accounts.change_domain(context.database, context.journal, claim.listener_id, domain)
    return context.identity.token_of(claim)


def export(context: Context, token: Token, form: Literal["zip", "json"] = "zip") -> File:
    """Export everything that is stored about a listener.

    Args:
        token: the listener's token.
        form: zip (JSON, votes as CSV, music as MIDI, pictures as SVG, the dream and the agent they keep) or json.

    Returns:
        The file.
    """
    listener_id = listener_of(context, token)
    data = archive.signed(archive.export(context.database, listener_id), context.identity)
    kept = archive.kept_by(context.settings.home, listener_id)
    file = archive.pack(data, context.clip_store, kept) if form == "zip" else json.dumps(data).encode()
    return file_for(context, listener_id, f"kallos-listener.{form}", file)


def bring(
    context: Context,
    file: File,
    token: Token = "",
    *,
    replace: bool = False,
    key: Annotated[str, Field(max_length=restore.MOST_KEY)] = "",
) -> str:
    """Bring back the listener of an export, also of another installation.

    Args:
        file: what export gave, zip or JSON, at most 10 MB unpacked.
        token: a listener here whose place they take; without one they are added.
        replace: delete that listener's votes where they have any, instead of refusing.
        key: 16 to 64 letters of your own; where the answer was lost, the same file with the same key gives it again.

    Returns:
        The token of the listener who was brought back.
    """
    current = listener_of(context, token) if token else None
    try:
        data = Downloads(context.settings.home).take_upload(file["path"], EXPORT_BYTES)
    except ValueError as error:
        raise NotAllowed(str(error)) from error
    listener_id = restore.bring(context.records, current, data, replace=replace, key=key)
    return context.tokens.give(listener_id)


def delete(context: Context, token: Token) -> dict[str, bool]:
    """Delete a listener: votes, head, journal, files, and the clips composed only for them with their sound.

    Args:
        token: the listener's token; it names nobody afterwards.

    Returns:
        {"deleted": true}
    """
    accounts.delete(context.records, listener_of(context, token))
    return {"deleted": True}


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


ENDPOINTS = (
    Endpoint("new_listener", new_listener),
    Endpoint("export", export, SLOW),
    Endpoint("import", bring, SLOW),
    Endpoint("delete", delete, SLOW),
    Endpoint("next_pair", next_pair),
    Endpoint("vote", vote),
    Endpoint("next_four", next_four),
    Endpoint("vote_four", vote_four),
    Endpoint("taste", taste),
    Endpoint("why", why, SLOW),
)
