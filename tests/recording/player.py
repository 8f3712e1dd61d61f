"""A generator that answers from the recording: at once, without torch, the same request always the same."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from PIL import Image

from models.music.notes import Domain, Piece
from tests.recording.recording import (
    BORROWED,
    NOTHING,
    PLAIN,
    Json,
    Recording,
    clip_kind,
    digest_of,
    encoded_kind,
    mood_kind,
    sheet_kind,
)
from webapp.generation.protocol import (
    AskedResult,
    BadRequest,
    CurvesResult,
    DraftsResult,
    DrawingsRequest,
    DrawingsResult,
    EncodeResult,
    GenerateRequest,
    GenerateResult,
    GenerationError,
    LatentsResult,
    Look,
    Mood,
    MoodsResult,
    PicturesResult,
    PlayedOnResult,
    Rewards,
    RewardsResult,
    TowersResult,
    WrittenTitlesResult,
)
from webapp.runtime.waiting import Waits, always

COMMAND = "python -m tests.recording"
OF_NO_MATTER = {"id", "deadline_ms", "stream", "model"}  # to what is composed


class NotRecorded(BadRequest):
    """Nothing was recorded that fits such a request."""

    def __init__(self, request: str) -> None:
        super().__init__(
            f"not recorded: {request}; {COMMAND} records what its script asks for, and a test whose answer must fit "
            "what it asks with is marked `generator`"
        )


@dataclass
class Answered:
    """As the engine's job: a request that is answered already."""

    future: Future[GenerateResult]


class RecordedGenerator:
    """A ``Generator``, and what else ``webapp.generation.server`` serves; may be asked from many threads.

    A clip from nothing whose seed was recorded is that very clip. Of other requests each new one gets another answer
    of its kind, the last first, as long as there are some, so that pieces differ.
    What must fit its input isn't answered by kind: locked notes, what plays on, what is heard along a piece.
    """

    def __init__(self, recording: Recording | None = None) -> None:
        self.recording = recording or Recording.load()
        self.version = self.recording.versions["style-cpu"]
        self.not_recorded: list[str] = []  # what was asked for in vain
        self.tension = self.shown = self.towers = self  # as the engine has them
        self._lock = threading.Lock()
        self._given: dict[str, dict[str, int]] = {}  # kind → request → number of its answer

    def generate(self, request: GenerateRequest) -> GenerateResult:
        """A clip of the kind that is asked for."""
        locks = request.locks
        if locks.bars or locks.melody:
            raise self._lacks(f"a clip with locked {'melody' if locks.melody else 'bars'}")
        what, bars = NOTHING, request.bars
        if request.content is not None:
            what = BORROWED if request.styles or locks.harmony or locks.rhythm else PLAIN
            bars = _bars(request.content.model_dump())
        kind = clip_kind(what, request.domain, bars)
        answers = self.recording.clips.get(kind, [])
        asked = request.model_dump(mode="json", exclude=OF_NO_MATTER)
        same = [each for each in answers if what == NOTHING and each["recipe"]["seed"] == request.seed]
        found = same[0] if same and request.guidance == 1 else self._pick(kind, answers, asked)
        return GenerateResult.model_validate({**found, "id": request.id})

    def submit(self, request: GenerateRequest, listener: object = None) -> Answered:
        """As the engine takes a request in."""
        if listener is not None:
            raise self._lacks("a clip whose notes come one after the other")
        future: Future[GenerateResult] = Future()
        try:
            future.set_result(self.generate(request))
        except GenerationError as error:
            future.set_exception(error)
        return Answered(future)

    def leave(self, job: Answered) -> None:
        """Nobody waits."""

    def cancel(self, request_id: str) -> bool:
        """Everything is answered already."""
        return False

    def drafts(
        self,
        domain: str,
        count: int,
        seed: int,
        mood: Mood | None = None,
        *,
        trained: bool = False,
        waits: Waits = always,
    ) -> DraftsResult:
        """Drafts of a domain, or of a quarter of the moods where one is given; none by a trained writer."""
        if trained:
            raise self._lacks("drafts by a trained writer")
        kind = mood_kind(domain, mood.valence, mood.arousal) if mood else domain
        drafts = self._some(f"drafts of {kind}", self.recording.drafts.get(kind, []), count, seed)
        return DraftsResult(drafts=drafts, model_version=self.version)

    def asked(self, domain: str, asks: Sequence[Json], seed: int, *, waits: Waits = always) -> AskedResult:
        """Nothing is written as it was asked for."""
        raise self._lacks("clips that are written from latents")

    def latents(self, domain: str, count: int, seed: int, *, near: Json, keep: float) -> LatentsResult:
        """Latents near a clip of the domain."""
        kind = clip_kind("near a clip", domain, _bars({"latents": near}))
        found = self._some(kind, self.recording.latents.get(kind, []), count, seed)
        return LatentsResult(latents=found, model_version=self.version)

    def play_on(
        self,
        notes: Json,
        bars: int,
        seed: int,
        form: str = "",
        mood: Mood | None = None,
        *,
        regular: bool = False,
        waits: Waits = always,
    ) -> PlayedOnResult:
        """A whole piece begins with what it is given."""
        raise self._lacks("a piece that is played on")

    def encode(self, notes: Json) -> EncodeResult:
        """The bars that are told of, and latents of as many bars of the same meter."""
        from models.style.compose import whole_bars  # torch, which most tests of pages do without

        piece = whole_bars(Piece.from_json(notes))
        numerator, denominator = piece.bars[0, 2:].tolist()
        kind = encoded_kind(f"{numerator}/{denominator}", len(piece.bars))
        told = piece.to_json()
        latents = self._pick(f"encoded, {kind}", self.recording.encoded.get(kind, []), digest_of(told))
        return EncodeResult(latents=latents, notes=told, model_version=self.version)

    def curves(self, notes: Json, domain: Domain) -> CurvesResult:
        """What is heard along one of the recorded clips."""
        found = self.recording.curves.get(digest_of([notes["notes"], domain]))
        if found is None:
            raise self._lacks(f"what is heard along another piece of {domain}")
        return CurvesResult(curves=found, model_version=self.recording.versions["tension-cpu"])

    def rewards(self, pieces: Sequence[Json], domain: Domain) -> RewardsResult:
        """The rewards of recorded clips."""
        answers = self.recording.rewards.get(domain, [])
        found = [Rewards.model_validate(self._pick(f"rewards of {domain}", answers, each["notes"])) for each in pieces]
        return RewardsResult(rewards=list(found), model_version=self.recording.versions["tension-cpu"])

    def moods(self, pieces: Sequence[Json]) -> MoodsResult:
        """The moods of recorded clips."""
        found = [Mood.model_validate(self._pick("moods", self.recording.moods, each["notes"])) for each in pieces]
        return MoodsResult(moods=list(found), model_version=self.recording.versions["mood-cpu"])

    def pictures(self, notes: Json, domain: Domain, look: Look) -> PicturesResult:
        """The pictures of a recorded clip of as many bars."""
        kind = sheet_kind(look.way, len(notes["bars"]), own=look.subjects is not None)
        if kind not in self.recording.sheets:
            raise self._lacks(f"pictures {kind}")
        return PicturesResult.model_validate(self.recording.sheets[kind])

    def drawings(self, request: DrawingsRequest, *, decoded: bool = False) -> DrawingsResult:
        """Recorded pictures: those that are asked for by their latents, others where they are turned or brought."""
        about = {"near": request.near, "keep": request.keep, "seed": request.seed, "turned": request.turned}
        wanted: list[Json | None] = [None] * request.count
        if request.latents is not None:
            wanted = list(request.latents)
        elif request.brought is not None:
            wanted = [None] * _squares(request.brought)
        found = [self._picture(each, [about, place], turned=request.turned) for place, each in enumerate(wanted)]
        return DrawingsResult(
            latents=[each["latents"] for each in found],
            pictures=[each["picture"] for each in found] if decoded else [],
            model_version=self.recording.versions["picture-cpu"],
        )

    def _picture(self, latents: Json | None, about: object, *, turned: object) -> Json:
        answers = self.recording.drawings
        if latents is not None and not turned:
            for each in answers:
                if each["latents"]["groups"] == latents["groups"]:
                    return each
        return self._pick("drawings", answers, [latents, about])

    def vectors(self, titles: Sequence[str], melodies: Sequence[Json]) -> TowersResult:
        """Recorded vectors of titles and melodies."""
        recording = self.recording
        return TowersResult(
            titles=[self._pick("titles", recording.titles, each) for each in titles],
            melodies=[self._pick("melodies", recording.melodies, each["notes"]) for each in melodies],
            model_version=recording.versions["titles-cpu"],
        )

    def write(self, notes: Json, count: int, seed: int) -> WrittenTitlesResult:
        """Titles that were written for a recorded tune."""
        titles: list[str] = self._pick("written titles", self.recording.written, [notes["notes"], seed])
        version = self.recording.versions["title-writer-cpu"]
        return WrittenTitlesResult(titles=titles[:count], model_version=version)

    def health(self, *, waiting: bool = False) -> dict[str, Any]:
        """It is always well."""
        return {
            "status": "ok", "model_version": self.version, "device": "recorded", "slots": 1, "queued": 0, "running": 0,
        }  # fmt: skip

    def close(self) -> None:
        """It has nothing to free."""

    def _some(self, kind: str, answers: list[Json], count: int, seed: int) -> list[Json]:
        return [self._pick(kind, answers, [seed, place]) for place in range(count)]

    def _pick(self, kind: str, answers: list[Any], request: object) -> Any:
        """The answer that this request was given before, or the next one."""
        if not answers:
            raise self._lacks(kind)
        with self._lock:
            given = self._given.setdefault(kind, {})
            number = given.setdefault(digest_of(request), len(given))
        return answers[-1 - number % len(answers)]

    def _lacks(self, request: str) -> NotRecorded:
        self.not_recorded.append(request)
        return NotRecorded(request)


def _bars(source: Json) -> int:
    """Of latents, or of notes as many of these as a clip has."""
    if source.get("latents"):
        return len(next(iter(source["latents"]["groups"].values())))
    return min(8, len(source["notes"]["bars"]))


def _squares(strip: str) -> int:
    with Image.open(io.BytesIO(base64.b64decode(strip))) as image:
        width, height = image.size
    return int(height // width)
