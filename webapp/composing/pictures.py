"""Pictures for everybody and for one listener, by the same orders, searches and jobs as music.

The generation server samples, decodes and measures them: it has torch and the picture model (for Canvas), and workers
and the web stay without. A picture takes it a tenth of a second; there is no bank of drafts, each search samples anew.
What may not be offered of music (a copy, broken notes) has one counterpart here: a picture that shows hardly anything.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Sequence
from functools import partial

from db.queries.clips import get_clip
from db.tables import PICTURE_SECONDS, PICTURES
from models.style.drafts import Draft
from models.style.latents import INK, MEASURED, Latents
from models.taste.head import Head
from models.taste.search import SEARCHED, best_latents
from models.taste.space import TasteSpace
from webapp.composing import clip_maker, media
from webapp.composing.clip_maker import ClipMaker, Kept, Order
from webapp.composing.rendering import Rendered
from webapp.composing.search import KAPPAS, OnDrawn
from webapp.composing.wishes import Wish
from webapp.generation.protocol import BadRequest, DrawingsRequest, GenerateResult, Generator
from webapp.learning.playable_clips import AnyDomain
from webapp.runtime.database import Database

EMPTY = "empty"
LEAST_INK = 0.016  # of fifty drawings that the model was trained on, one has less: there is hardly anything to look at
DRAWN_AT_ONCE = 32


class PictureMaker(ClipMaker):
    """Makes pictures of orders; may be used from many threads."""

    at_once = 4  # they are drawn one after the other: of many more, the last would wait too long for a connection

    def _make_one(self, order: Order, *, shortest: bool, hurry: bool) -> Kept:  # noqa: ARG002 (a picture has no length)
        wanted = DrawingsRequest(count=1, seed=order.seed % 2**63)
        if order.draft is not None:
            wanted = DrawingsRequest(latents=[order.draft.latents.to_json()])
        answer = self.generation.drawings(wanted, decoded=True)
        self._check_version(answer.model_version)
        latents = Latents.from_json(answer.latents[0])
        recipe = {"model_version": latents.version, "domain": PICTURES, "seed": order.seed}
        recipe |= {"content": "latents" if order.draft else "drawn", "styles": {}}
        result = GenerateResult(
            id=uuid.uuid4().hex, notes={}, latents=answer.latents[0], recipe=recipe, model_version=latents.version,
            queue_ms=0, decode_ms=0,
        )  # fmt: skip
        if fault := self.fault(result):
            return Kept(None, fault)
        return self._keep_picture(result, base64.b64decode(answer.pictures[0]), order)

    def fault(self, result: GenerateResult) -> str | None:
        """Whether the picture shows too little."""
        return EMPTY if is_empty(Latents.from_json(result.latents)) else None

    def lengthen(self, clip_id: uuid.UUID) -> None:
        """Nothing: a picture has no length."""

    def keep(
        self,
        result: GenerateResult,
        domain: AnyDomain,
        owner: uuid.UUID | None,
        kind: str,
        **_: object,  # a picture has no length and needs no turn
    ) -> Kept:
        """Store a picture that was made in the studio."""
        if fault := self.fault(result):
            return Kept(None, fault)
        (image,) = self.generation.drawings(DrawingsRequest(latents=[result.latents]), decoded=True).pictures
        return self._keep_picture(result, base64.b64decode(image), Order(domain, 0, owner=owner, kind=kind))

    def _keep_picture(self, result: GenerateResult, image: bytes, order: Order) -> Kept:
        digest = hashlib.sha256(image).hexdigest()
        # what somebody makes themselves in the studio may be what they have already
        for_owner = order.owner if order.kind != "studio" else None
        if for_owner is not None and clip_maker.is_there_already(self.database, digest, result, for_owner):
            return Kept(None, clip_maker.THERE_ALREADY)
        stored = self.clip_store.put(image, media.ending(image))
        picture = Rendered(PICTURE_SECONDS, stored.sha256, stored.key, stored.size, None, None, "")
        clip_id = self._store(result, digest, [picture], order.domain, order.owner, kind=order.kind)
        return Kept(clip_id, clip_maker.LISTENER_GONE if clip_id is None else None)


class PictureSearch:
    """Finds latents of pictures for heads, as ``LatentSearch`` does of music."""

    def __init__(self, database: Database, generation: Generator, space: TasteSpace) -> None:
        self._database, self._generation, self._space = database, generation, space

    def best(
        self,
        head: Head,
        domain: AnyDomain,  # noqa: ARG002 (there is one)
        count: int,
        *,
        wish: Wish,
        seed: int,
        among: int | None = None,  # noqa: ARG002 (so many are drawn for each search)
        on_drawn: OnDrawn = lambda *_: None,
    ) -> list[Draft]:
        """The ``count`` best that differ, among draws and what can be put together of these; the same for a ``seed``.

        Raises a ``GenerationError``.
        """
        near = None
        if wish.near is not None:
            clip = self._database.transaction(partial(get_clip, clip_id=wish.near))
            if clip is None:
                raise BadRequest(f"picture {wish.near}, near which was to be drawn, is gone")
            near = clip.latents
        found: list[Draft] = []
        while len(found) < SEARCHED:
            found += self._drawn(min(DRAWN_AT_ONCE, SEARCHED - len(found)), seed + len(found), near, wish.keep)
            on_drawn(len(found), SEARCHED)
        there = [draft.latents for draft in found if not is_empty(draft.latents)]
        best = best_latents(head, self._space, there, count, kappa=KAPPAS[wish.mode], refine=True)
        return [Draft(each.latents) for each in best]

    def drawn(self, domain: AnyDomain, count: int, seed: int) -> list[Draft]:  # noqa: ARG002 (there is one)
        """New ones, just as they come."""
        return self._drawn(count, seed, None, 0.0)

    def put_back(self, domain: AnyDomain, drafts: Sequence[Draft]) -> None:
        """Nobody else could have had them."""

    def _drawn(self, count: int, seed: int, near: dict[str, object] | None, keep: float) -> list[Draft]:
        wanted = DrawingsRequest(count=count, seed=seed % 2**63, near=near, keep=keep if near else 0.0)
        return [Draft(Latents.from_json(each)) for each in self._generation.drawings(wanted).latents]


def is_empty(latents: Latents) -> bool:
    """Whether a picture shows hardly anything, as it was measured; one that an older version measured is not judged."""
    return bool(latents.piece[MEASURED].get(INK, LEAST_INK) < LEAST_INK)
