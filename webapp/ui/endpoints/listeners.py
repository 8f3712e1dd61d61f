"""Endpoints of a listener's account: made, exported, brought back, deleted."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import gradio as gr
from pydantic import Field

from webapp.context import Context
from webapp.learning.playable_clips import AnyDomain
from webapp.listeners import accounts, archive, deletion, restore
from webapp.listening import newcomers
from webapp.runtime.errors import NotAllowed
from webapp.runtime.limits import EXPORT_BYTES
from webapp.runtime.listener_files import Downloads
from webapp.ui.endpoints.endpoint import SLOW, Endpoint, File, Token, file_for
from webapp.ui.handlers import listener_of


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
        form: zip (JSON, votes as CSV, music as MIDI, pictures as PNG, the dream and the agent they keep) or json.

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
    deletion.delete(context.records, listener_of(context, token))
    return {"deleted": True}


ENDPOINTS = (
    Endpoint("new_listener", new_listener),
    Endpoint("export", export, SLOW),
    Endpoint("import", bring, SLOW),
    Endpoint("delete", delete, SLOW),
)
