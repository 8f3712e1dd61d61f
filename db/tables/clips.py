"""Clips and their audio, what models heard in them, what was brought to the studio, plays of whole pieces, drawn maps.

The notes are the truth; latents, summary and sound can be made again from them.
"""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock, Decibels, Floats, FloatVector, NewId
from db.tables.listeners import ANY_DOMAIN_CHECK

# for this listener's taste: what they surely like, may like most, like near a piece, or like calmer, tenser or of a
# mood, or any of these that they have opened; or of their own making
OWN = ("composed", "surprise", "near", "tension", "opened", "studio")
BROUGHT = "brought"  # with an untrusted export, to explain their votes: offered to nobody, and gone when they go
WHOLE = "whole"  # a whole piece, of which the clip's latents tell the opening: it stands in no pair
RIVALS = ("average", "drawn")  # what stands blind beside it: for the average listener, or as it came from the prior
# for nobody's taste: the first of some drafts, the one of them that the tension model rewards most, and one by the
# writer that was trained for that reward; each stands blind against those before it
BY_TENSION = ("plain", "guided", "trained")
IS_OWN, IS_BESIDE = f"kind IN {OWN}", f"kind IN {(*RIVALS, *BY_TENSION)}"
NEWEST = ("composed_for", "domain", "created_at")  # of these a draw looks at the newest
PICTURE_SECONDS = 1.0
PLAY_OUTCOMES = ("begun", "heard_out", "skipped", "kept")
ONCE = "outcome IN ('begun', 'kept')"


class Clip(Base):
    """A composed clip: from the prior for everybody, or for one listener, who alone hears it.

    Of the listener's ``kind`` tells the taste that it is for: theirs (``OWN``, ``WHOLE``) or not (``RIVALS``,
    ``BY_TENSION``).
    ``notes``, ``latents``: JSON of a piece and its latents; a picture has no notes, its latents are the truth.
    ``summary``: float32 ``(D,)``, what taste is computed from.
    ``recipe``: everything needed to compose it again. A retired clip is kept for its votes and offered no more.
    """

    __tablename__ = "clips"
    __table_args__ = (
        CheckConstraint(ANY_DOMAIN_CHECK, name="domain_is_known"),
        CheckConstraint(
            "kind IN ('prior', 'composed', 'surprise', 'near', 'opened', 'studio', 'average', 'drawn', 'whole', "
            "'brought', 'tension', 'guided', 'plain', 'trained')",
            name="kind_is_known",
        ),
        CheckConstraint("(kind <> 'prior') = (composed_for IS NOT NULL)", name="composed_for_one_listener"),
        CheckConstraint("octet_length(summary) % 4 = 0", name="summary_is_float32"),
        # one listener's clip never stands in for another's: it goes when they go
        UniqueConstraint(
            "content_hash",
            "composed_for",
            name="uq_clips_content_hash_composed_for",
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_clips_own", *NEWEST, postgresql_where=text(IS_OWN)),
        Index("ix_clips_beside", *NEWEST, postgresql_where=text(IS_BESIDE)),
        Index(
            "ix_clips_pool", "domain", "model_version", postgresql_where=text("NOT retired AND composed_for IS NULL")
        ),
    )

    id: Mapped[NewId]
    domain: Mapped[str]
    kind: Mapped[str] = mapped_column(server_default="prior")
    composed_for: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("listeners.id", ondelete="CASCADE"), index=True)
    notes: Mapped[dict[str, Any]]
    recipe: Mapped[dict[str, Any]]
    latents: Mapped[dict[str, Any]]
    summary: Mapped[Floats] = mapped_column(FloatVector())
    model_version: Mapped[str]
    content_hash: Mapped[str]
    retired: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[Clock]


class ClipAudio(Base):
    """A clip rendered at one length; the bytes lie in the clip store under ``uri``.

    A picture, as the clip's ``domain`` says, is rendered once, as a PNG: ``seconds`` are then how long it is to be seen
    before a vote, and it has no loudness.

    ``playing`` names how it is played; "" is as written, as all clips were once. Two that differ never sound in a pair:
    what has another playing than today's is rendered anew before anybody hears it.
    """

    __tablename__ = "clip_audio"
    __table_args__ = (
        CheckConstraint("seconds > 0", name="seconds_positive"),
        CheckConstraint("bytes > 0", name="bytes_positive"),
        CheckConstraint(f"(lufs IS NULL) = (seconds = {PICTURE_SECONDS:g})", name="sound_has_loudness"),
        CheckConstraint("(lufs IS NULL) = (true_peak_db IS NULL)", name="loudness_is_whole"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256_is_hex"),
        Index("ix_clip_audio_sha256", "sha256"),
    )

    clip_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True)
    seconds: Mapped[float] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    uri: Mapped[str]
    bytes: Mapped[int]
    lufs: Mapped[float | None] = mapped_column(Decibels())
    true_peak_db: Mapped[float | None] = mapped_column(Decibels())
    playing: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[Clock]


class HeardClip(Base):
    """A clip as one version of a model hears it: its surprise, or its mood.

    ``heard``: numbers by name; None for a clip that the model can't hear. It goes when the clip goes.
    """

    __tablename__ = "heard_clips"
    __table_args__ = (CheckConstraint("jsonb_typeof(heard) = 'object'", name="heard_is_an_object"),)

    clip_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True)
    model_version: Mapped[str] = mapped_column(primary_key=True)
    heard: Mapped[dict[str, Any] | None]


class StudioPiece(Base):
    """``notes``, ``latents``: JSON of the piece and of what it was decoded from (of a file: what it was encoded to).

    ``recipe``: ``{content, toward: {source, strength} or null, styles: {group: {source, strength}}, turned: {group:
    SD}, keep, locks: {bars, melody, harmony, rhythm}, seed}``, empty for a file; older ones lack some. Each source is
    ``clips/ID`` or ``pieces/ID``. Whoever knows ``link_key`` may open the piece; without one nobody else can. Of a
    picture ``notes`` are empty, and ``image`` is its PNG in base64, since only the model that drew it could draw it
    again. One that is older than this column, or came with an untrusted export, has none.
    """

    __tablename__ = "studio_pieces"
    __table_args__ = (
        CheckConstraint(ANY_DOMAIN_CHECK, name="domain_is_known"),
        CheckConstraint("char_length(title) <= 120", name="title_is_short"),
        CheckConstraint("image IS NULL OR domain = 'pictures'", name="music_has_no_image"),
        Index("ix_studio_pieces_listener_id_created_at", "listener_id", "created_at"),
    )

    id: Mapped[NewId]
    listener_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("listeners.id", ondelete="CASCADE"))
    domain: Mapped[str]
    title: Mapped[str]
    recipe: Mapped[dict[str, Any]]
    notes: Mapped[dict[str, Any]]
    latents: Mapped[dict[str, Any]]
    model_version: Mapped[str]
    image: Mapped[str | None]
    link_key: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[Clock]


class Play(Base):
    """One end of a piece's playing; or, once, that it was begun or kept. ``heard_ms``: how long it had sounded."""

    __tablename__ = "plays"
    __table_args__ = (
        CheckConstraint(f"outcome IN {PLAY_OUTCOMES}", name="outcome_is_known"),
        CheckConstraint("heard_ms >= 0", name="heard_not_negative"),
        Index("ix_plays_listener_id_created_at", "listener_id", "created_at"),
        Index("uq_plays_once", "listener_id", "clip_id", "outcome", unique=True, postgresql_where=text(ONCE)),
    )

    id: Mapped[NewId]
    listener_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("listeners.id", ondelete="CASCADE"))
    clip_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clips.id", ondelete="CASCADE"), index=True)
    outcome: Mapped[str]
    heard_ms: Mapped[int]
    created_at: Mapped[Clock]


class DrawnMapRow(Base):
    """One map: the same model, data and seed draw the same one, which is stored once.

    ``about``: what is known about it, its quality among it. Rows stay when newer maps come, for links lead to them.
    """

    __tablename__ = "maps"
    __table_args__ = (
        CheckConstraint("kind IN ('clips', 'tunes', 'titles', 'joint', 'pictures')", name="kind_is_known"),
        CheckConstraint("points > 0", name="points_positive"),
        CheckConstraint("seed >= 0", name="seed_not_negative"),
        UniqueConstraint("kind", "model_version", "data_hash", "seed"),
        Index("ix_maps_kind_created_at", "kind", "created_at"),
    )

    id: Mapped[NewId]
    kind: Mapped[str]
    model_version: Mapped[str]
    data_hash: Mapped[str]
    seed: Mapped[int]
    points: Mapped[int]
    uri: Mapped[str]
    about: Mapped[dict[str, Any]]
    created_at: Mapped[Clock]
