"""Rows that the tests of tables and queries start from."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import numpy as np
import pytest
from sqlalchemy.orm import Session

from db.queries.clips import add_audio, add_clip
from db.queries.listeners import create_listener
from db.queries.offers import create_offer
from db.queries.votes import Expected
from db.tables import Listener, Offer

EXPECTED = Expected(p_left=0.5, p_equal=0.2, p_right=0.3, head_version="v1", votes_seen=0)


@pytest.fixture
def listener(session: Session) -> Listener:
    return create_listener(session)


@pytest.fixture
def make_clip(session: Session) -> Callable[..., UUID]:
    """``make_clip(domain=…, composed_for=…, seconds=(7.0,), …)`` → id of a stored clip with sound."""

    def make(*, seconds: tuple[float, ...] = (7.0,), **changes: object) -> UUID:
        values = {
            "domain": "pop",
            "notes": {"notes": [[0, 24, 60, 80]]},
            "recipe": {"seed": 1},
            "latents": {"version": "v1"},
            "summary": np.arange(4, dtype=np.float32),
            "model_version": "v1",
            "content_hash": uuid4().hex,
        }
        clip_id, _ = add_clip(session, **(values | changes))  # type: ignore[arg-type]
        for length in seconds:
            digest = uuid4().hex * 2
            add_audio(
                session,
                clip_id,
                seconds=length,
                sha256=digest,
                uri=f"{digest}.mp3",
                size_bytes=1000,
                lufs=-18.0,
                true_peak_db=-1.5,
            )
        return clip_id

    return make


@pytest.fixture
def make_offer(session: Session, listener: Listener, make_clip: Callable[..., UUID]) -> Callable[..., Offer]:
    """``make_offer()`` → an open offer of two new clips for ``listener``."""

    def make(**changes: object) -> Offer:
        values = {
            "listener": listener,
            "left_clip": make_clip(),
            "right_clip": make_clip(),
            "seconds": 7.0,
            "policy": "control",
            "pair_probability": 0.25,
        }
        offer = create_offer(session, **(values | changes))  # type: ignore[arg-type]
        assert offer is not None
        return offer

    return make


@pytest.fixture
def offer(make_offer: Callable[..., Offer]) -> Offer:
    return make_offer()
