"""The clips that simulated listeners choose among: composed ones, or those of a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rich.progress import track

from models.music.notes import Domain, Piece
from models.style.checkpoint import StyleBundle
from models.style.compose import Composer
from models.style.drafting import draft_many, play_each
from models.style.drafts import Draft
from models.style.fingerprint import rejection_reason
from models.taste.space import TasteSpace, summary
from models.taste.space_fitting import attribute_row

FloatArray = npt.NDArray[np.float64]

POOL = 240  # clips of the pool; a third of them is never played and tests the head
BATCH = 16


@dataclass(frozen=True)
class Pool:
    """Clips of one domain: features ``(N, F)``, true attributes ``(N, A)``, and a hash of their notes."""

    domain: Domain
    features: FloatArray
    attributes: FloatArray
    hash: str


def compose(composer: Composer, domain: Domain, drafts: Sequence[Draft], seed: int) -> list[Piece]:
    """What the page plays of ``drafts``, one random generator a clip."""
    return play_each(composer, domain, drafts, range(seed, seed + len(drafts)))


def space_of(bundle: StyleBundle) -> TasteSpace:
    """The taste space that lies beside a style model; ends the command where there is none."""
    if bundle.taste_space_path is None:
        raise SystemExit("this style model has no taste space yet: python -m models.train.taste")
    return TasteSpace.load(bundle.taste_space_path, bundle.version)


def composed_pool(
    composer: Composer,
    space: TasteSpace,
    domain: Domain,
    count: int,
    seed: int,
    *,
    measure: Callable[[Piece], Sequence[float]] = attribute_row,
) -> Pool:
    """``count`` clips from nothing; broken ones are left out, as they are never offered.

    ``measure`` gives the attributes of a clip.
    """
    drafts = draft_many(composer, domain, count, seed)
    summaries, rows, digest = [], [], hashlib.sha256()
    for start in track(range(0, count, BATCH), f"composing {domain}"):
        some = drafts[start : start + BATCH]
        for each, piece in zip(some, compose(composer, domain, some, seed + start), strict=True):
            if rejection_reason(piece, composer.bundle.fingerprint) is None:
                summaries.append(summary(each.latents))
                rows.append(measure(piece))
                digest.update(piece.notes.tobytes())
    if len(rows) < 12:
        raise SystemExit(f"only {len(rows)} of {count} composed clips can be offered; too few to listen to")
    return Pool(domain, space.features(np.stack(summaries)), np.array(rows), digest.hexdigest())
