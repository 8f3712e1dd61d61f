"""The parts of one process, wired together once: what the slices are given is made here, and no slice knows of it."""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import models
from db.tables import PICTURES, Four, Offer
from models.style.bundle import read_card
from models.style.latents import Directions
from models.taste.space import TasteSpace
from webapp.composing.search import Bank, room_beside
from webapp.fit.questions import DrawnQuestions, Questions
from webapp.generation.remote import RemoteGenerator
from webapp.learning import playable_clips
from webapp.learning.playable_clips import InstalledStyle, PlayablePool
from webapp.listeners.accounts import Records, Tokens
from webapp.listening import BestOfFour, FirstComparisons, Newcomers, Pairs, Voting
from webapp.live.music import Sessions
from webapp.maps import Atlas
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.database import Database
from webapp.runtime.identity import Identity
from webapp.runtime.journal import Journal
from webapp.runtime.middleware import Visits
from webapp.runtime.settings import Settings
from webapp.studio.studio import Studio

PICTURE_MODEL = Path(models.__file__).parent / "weights" / "picture-cpu"

if TYPE_CHECKING:
    from webapp.composing.clip_maker import ClipMaker
    from webapp.composing.for_listener import ListenerComposer
    from webapp.composing.pictures import PictureMaker
    from webapp.composing.playing_on import WholePieceComposer
    from webapp.sharing.for_two_composing import DuetComposer


class Context:
    """One process' view of Kallos; parts are made when first used."""

    def __init__(
        self,
        settings: Settings,
        *,
        generator_url: str = "",
        space: TasteSpace | None = None,
        revive_after_s: float = 0.0,
    ) -> None:
        self.settings = settings
        self.generator_url = generator_url or settings.generator_url
        self.database = Database(settings, revive_after_s=revive_after_s)
        self.style_folder = settings.style_folder
        self.visits = Visits()
        self._space = space
        self._silent_since: float | None = None

    @cached_property
    def journal(self) -> Journal:
        """Where every vote is written down beside the database."""
        return Journal(self.settings.journal_folder, self.settings.journal_copy_url)

    @cached_property
    def clip_store(self) -> ClipStore:
        """Where sound lies."""
        return ClipStore(self.settings.clip_store_url)

    @cached_property
    def identity(self) -> Identity:
        """Signs and reads tokens."""
        return Identity(*self.settings.signing_secrets)

    @cached_property
    def tokens(self) -> Tokens:
        """Gives and takes back listeners' tokens."""
        return Tokens(self.identity, self.database, self.journal)

    @cached_property
    def space(self) -> TasteSpace:
        """The features in which taste is learned; its version is the style model's. ``ValueError`` or ``OSError``."""
        return self._space or _taste_space(self.style_folder)

    @cached_property
    def picture_space(self) -> TasteSpace:
        """The features in which taste for pictures is learned; its version is the picture model's."""
        return TasteSpace.load(PICTURE_MODEL / "taste")

    @property
    def spaces(self) -> tuple[TasteSpace, TasteSpace]:
        """Of music and of pictures."""
        return self.space, self.picture_space

    def wrong_model(self) -> str:
        """Why the style model can't be used, in a line; empty where it can. Without one no vote can be taken."""
        try:
            self.space  # noqa: B018 (read now and kept)
        except (OSError, ValueError) as error:
            given = self.settings.model
            return f"KALLOS_MODEL={given} cannot be used: {error}" if given else f"Kallos is not whole: {error}"
        return ""

    @cached_property
    def style(self) -> InstalledStyle:
        """The style model: its folder and its taste space."""
        return InstalledStyle(self.style_folder, self.space)

    @cached_property
    def clip_maker(self) -> ClipMaker:
        """Makes playable clips."""
        from webapp.composing.clip_maker import ClipMaker  # noqa: PLC0415 (the piano, only where it is needed)

        return ClipMaker(self.database, self.journal, self.clip_store, self.generation, self.style)

    @cached_property
    def bank(self) -> Bank:
        """Drafts by the writer, to search among."""
        return Bank(self.settings.home / "bank", self.style, self.generation, room_beside(self.settings.pool))

    @cached_property
    def listener_composer(self) -> ListenerComposer:
        """Composes for one listener's taste."""
        from webapp.composing.for_listener import ListenerComposer  # noqa: PLC0415 (the piano)
        from webapp.composing.search import LatentSearch  # noqa: PLC0415 (the piano)

        asks = self.settings.gifts == "asked"
        search = LatentSearch(self.database, self.generation, self.style, self.bank, asks=asks)
        return ListenerComposer(self.clip_maker, search)

    @cached_property
    def picture_maker(self) -> PictureMaker:
        """Makes pictures."""
        from webapp.composing.pictures import PictureMaker  # noqa: PLC0415 (the piano)

        style = InstalledStyle(PICTURE_MODEL, self.picture_space)
        return PictureMaker(self.database, self.journal, self.clip_store, self.generation, style)

    def maker_of(self, domain: str) -> ClipMaker:
        """Makes clips of a domain."""
        return self.picture_maker if domain == PICTURES else self.clip_maker

    @cached_property
    def picture_composer(self) -> ListenerComposer:
        """Composes pictures for one listener's taste."""
        from webapp.composing.for_listener import ListenerComposer  # noqa: PLC0415 (the piano)
        from webapp.composing.pictures import PictureSearch  # noqa: PLC0415 (the piano)

        search = PictureSearch(self.database, self.generation, self.picture_space)
        return ListenerComposer(self.picture_maker, search)

    @cached_property
    def whole_piece_composer(self) -> WholePieceComposer:
        """Composes whole pieces for one listener."""
        from webapp.composing.playing_on import WholePieceComposer  # noqa: PLC0415 (the piano)
        from webapp.composing.titling import Titling  # noqa: PLC0415 (maps)

        return WholePieceComposer(self.clip_maker, self.bank, Titling(self.generation))

    @cached_property
    def duet_composer(self) -> DuetComposer:
        """Composes for two."""
        from webapp.sharing.for_two_composing import DuetComposer  # noqa: PLC0415 (the piano)

        return DuetComposer(self.database, self.journal, self.generation, self.style)

    @cached_property
    def playable(self) -> PlayablePool:
        """The playable clips of each domain, in memory."""
        return PlayablePool(self.space, self.picture_space)

    @property
    def records(self) -> Records:
        """Where listeners' data lies, for those who bring listeners back or delete them."""
        return Records(self.database, self.journal, self.clip_store, self.space, self.picture_space, self.settings.home)

    @property
    def studio(self) -> Studio:
        """What composing by hand works on."""
        return Studio(
            self.database,
            self.journal,
            self.clip_store,
            self.generation,
            self.space,
            self.playable,
            self.style_folder,
        )

    @property
    def atlas(self) -> Atlas:
        """What maps are made and answered from."""
        return Atlas(self.database, self.clip_store, self.generation, self.space, self.style_folder)

    @cached_property
    def pairs(self) -> Voting[Offer]:
        """Pairs of clips, and the votes on them."""
        return Voting(self.database, self.journal, self._pairs, self.newcomers)

    @cached_property
    def best_of_four(self) -> Voting[Four]:
        """Fours of clips, and the picks among them."""
        return Voting(self.database, self.journal, self._best_of_four, self.newcomers)

    @cached_property
    def newcomers(self) -> Newcomers:
        """Those who have only looked, of whom nothing is stored yet."""
        kinds = (FirstComparisons(self._pairs), FirstComparisons(self._best_of_four), self._drawn_questions)
        return Newcomers(self.database, self.journal, kinds)

    @cached_property
    def _pairs(self) -> Pairs:
        return Pairs(self.playable)

    @cached_property
    def _best_of_four(self) -> BestOfFour:
        return BestOfFour(self.playable)

    @cached_property
    def _drawn_questions(self) -> DrawnQuestions:
        return DrawnQuestions(self.playable)

    @cached_property
    def questions(self) -> Questions:
        """Which picture fits a piece, or which piece a picture, and the answers."""
        return Questions(self.database, self.journal, self._drawn_questions, self.newcomers)

    @cached_property
    def live(self) -> Sessions:
        """Who plays live music at the moment."""
        return Sessions(self.generation, Directions.load(self.style_folder))

    @cached_property
    def generation(self) -> RemoteGenerator:
        """The client of the generation server."""
        return RemoteGenerator(self.generator_url, self.settings.generator_secret)

    def generator_heard(self, *, answers: bool) -> None:
        """Take down whether the generator answered whoever watches over it."""
        self._silent_since = None if answers else self._silent_since or time.monotonic()

    def generator_silence_s(self) -> float:
        """For how long the generator has not answered; 0 where it does, or where nobody watches over it."""
        since = self._silent_since
        return 0.0 if since is None else time.monotonic() - since

    def close(self) -> None:
        """Let go of the database and the generator, once the journal's copy is whole."""
        if "journal" in self.__dict__:
            self.journal.close()
        if "generation" in self.__dict__:
            self.generation.close()
        playable_clips.end()
        self.database.close()


def _taste_space(folder: Path) -> TasteSpace:
    """The taste space of a whole style model; raises ``ValueError`` or ``OSError``."""
    version = str(read_card(folder)["version"])
    try:
        return TasteSpace.load(folder / "taste", version)
    except FileNotFoundError as error:
        make = f"python -m models.train.taste --model {folder}"
        raise FileNotFoundError(f"{error.filename} is missing; {make} makes it") from error
