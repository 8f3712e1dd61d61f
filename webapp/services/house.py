"""What every service needs at hand: settings, database, journal, clip store, identity, generator, taste space, pool."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import models
from models.taste.space import TasteSpace
from webapp.database import Database
from webapp.generation.remote import RemoteGenerator
from webapp.identity import Identity
from webapp.services.clip_store import ClipStore
from webapp.services.journal import Journal
from webapp.services.pool_cache import PoolCache
from webapp.settings import Settings

SHIPPED_STYLE = Path(models.__file__).parent / "weights" / "style-cpu"  # read without torch, which the web never loads


class House:
    """One process' view of Kallos; parts are made when first used."""

    def __init__(
        self,
        settings: Settings,
        *,
        generator_url: str = "",
        space: TasteSpace | None = None,
        style_folder: Path = SHIPPED_STYLE,
        revive_after_s: float = 0.0,
    ) -> None:
        self.settings = settings
        self.generator_url = generator_url or settings.generator_url
        self.database = Database(settings, revive_after_s=revive_after_s)
        self.style_folder = style_folder
        self._space = space

    @cached_property
    def journal(self) -> Journal:
        """Where every vote is written down beside the database."""
        return Journal(self.settings.home / "journal")

    @cached_property
    def store(self) -> ClipStore:
        """Where sound lies."""
        return ClipStore(self.settings.clip_store_url)

    @cached_property
    def identity(self) -> Identity:
        """Signs and reads tokens."""
        return Identity(self.settings.signing_secret)

    @cached_property
    def space(self) -> TasteSpace:
        """The features in which taste is learned; its version is the style model's. ``ValueError`` or ``OSError``."""
        return self._space or TasteSpace.load(self.style_folder / "taste")

    @cached_property
    def pool(self) -> PoolCache:
        """The playable clips of each domain, in memory."""
        return PoolCache(self.space)

    @cached_property
    def generator(self) -> RemoteGenerator:
        """The client of the generation server."""
        return RemoteGenerator(self.generator_url)

    def close(self) -> None:
        """Let go of the database and the generator."""
        if "generator" in self.__dict__:
            self.generator.close()
        self.database.close()
