"""Simulated listeners for whom clips are composed as the page composes, and the alternatives that gifts compete with.

A listener votes on the pairs that the page would offer, and gets clips after so many votes by several methods
(``WAYS``), from one bank of drafts that all listeners share: nobody gets what another listener was given. ``gift`` is
what the page gives (``models.taste.search.gifts``). ``written`` is the best of the whole bank, ``decoded`` the gift's
latents written again, ``asked`` a request by latents (``KALLOS_GIFTS``), and ``mosaic`` joins several drafts' latents.
``real_chosen`` are *real* clips that the same head chose in the same way (so taste alone tells them from real music),
and ``draw`` are drafts as they come. ``Pool`` has the clips that listeners choose among: composed ones, or a folder's.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from models.metrics.music_statistics import played_traits
from models.music.notes import Domain, Piece
from models.music.performance import notes_in_seconds
from models.style.checkpoint import StyleBundle
from models.style.compose import Composer
from models.style.drafting import draft_many, play_each
from models.style.drafts import Draft
from models.style.fingerprint import rejection_reason
from models.style.performance import touch
from models.taste.head import Head
from models.taste.hierarchy import Evidence, PopulationPrior, average, learn
from models.taste.policy import Mixture
from models.taste.search import (
    SEARCHED,
    Candidate,
    Candidates,
    asks_for,
    best_latents,
    best_written,
    gifts,
    ideas,
    pick,
)
from models.taste.simulated_people import KINDS, RANDOM, Person, Taste, listen, new_head, person_of, taste
from models.taste.space import TasteSpace, summary
from models.taste.space_fitting import attribute_row

POOL = 240  # clips of the pool; a third of them is never played and tests the head
BATCH = 16

FloatArray = npt.NDArray[np.float64]
Measure = Callable[[Piece], Sequence[float]]  # what a listener goes by

# Of the variance of taste: .44 of 200 raters', .35 of 366 likers' (taste.variance.common_share of evaluate.taste).
SHARED = 0.4
VOTES_EACH = 40  # of the listeners of the study
AT = (6, 12, 40, 60)  # votes
CLIPS = 3  # of each side, as many as a job composes
SURE = 1e-4  # variance of the weights of a head that knows
PLAYED_S = 7.0  # of a clip, as first pairs play
WAYS = ("gift", "asked", "written", "decoded", "mosaic", "real_chosen", "draw")


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


def heard_traits(piece: Piece) -> list[float]:
    """The plain traits of what sounds of a piece, as it is played: ``music_statistics.TRAITS``."""
    played: list[float] = played_traits(notes_in_seconds(piece, PLAYED_S, touch.play(piece)), PLAYED_S).tolist()
    return played


MEASURES: Mapping[str, Measure] = {"attributes": attribute_row, "traits": heard_traits}


@dataclass(frozen=True)
class Mind:
    """A listener's whole taste: what everybody loves, as far as it is ``shared``, and what is their own."""

    kind: str
    common: Taste
    own: Taste
    shared: float = SHARED

    @classmethod
    def draw(
        cls, kind: str, common: Taste, attributes: FloatArray, generator: np.random.Generator, shared: float = SHARED
    ) -> Mind:
        """Somebody of this kind."""
        return cls(kind, common, taste(kind, attributes, generator), shared)

    def person(self, attributes: npt.ArrayLike) -> Person:
        """The listener before clips with ``attributes`` ``(N, A)``."""
        loved = np.sqrt(self.shared) * self.common.of(attributes) + np.sqrt(1 - self.shared) * self.own.of(attributes)
        return person_of(self.kind, loved)


@dataclass(frozen=True)
class Clip:
    """A piece and its ``source``: the draft or the song that it came from; a mosaic's is the draft of its content."""

    piece: Piece
    source: str


@dataclass(frozen=True)
class Met:
    """The clips that one listener met, by side, and the processor time until drafts for a head were found."""

    mind: Mind
    clips: Mapping[str, Sequence[Clip]]
    seconds: float
    measure: Measure = attribute_row

    def wins(self, mine: str, theirs: str) -> float:
        """How often the listener prefers a clip of one side to one of the other; 0.5 where a side has none."""
        one, two = self.clips[mine], self.clips[theirs]
        if not one or not two:
            return 0.5
        someone = self.mind.person([self.measure(clip.piece) for clip in (*one, *two)])
        first, second = np.divmod(np.arange(len(one) * len(two)), len(two))
        return float(someone.wins(first, second + len(one)).mean())


@dataclass(frozen=True)
class Searched:
    """Drafts to search among, and the readouts of their latents. ``sources``: of each, by default its number."""

    drafts: Sequence[Draft]
    candidates: Candidates
    sources: Sequence[str] = ()

    @classmethod
    def of(cls, space: TasteSpace, drafts: Sequence[Draft], sources: Sequence[str] = ()) -> Searched:
        """These drafts."""
        named = sources or [f"draft {number}" for number in range(len(drafts))]
        return cls(drafts, Candidates.of(space, [each.latents for each in drafts]), named)

    def chosen(self, places: Sequence[int]) -> Searched:
        """Some of them, in this order."""
        drafts, sources = [self.drafts[place] for place in places], [self.sources[place] for place in places]
        return Searched(drafts, self.candidates.chosen(places), sources)


@dataclass
class House:
    """What composing needs, and the two heads that know nothing of the listener: a newcomer's and the average's.

    ``bank`` and ``real`` music are what there is to choose from; ``given`` are the places in the bank of what somebody
    has. ``measure`` is what listeners go by.
    """

    composer: Composer
    space: TasteSpace
    pool: Pool
    newcomer: Head
    average: Head
    bank: Searched | None = None
    real: Searched | None = None
    measure: Measure = attribute_row
    given: set[int] = field(default_factory=set)

    def listened(self, mind: Mind, seed: int) -> dict[int, Head]:
        """The listener's head after each number of votes of ``AT``."""
        page = listen(
            mind.person(self.pool.attributes), self.newcomer, self.pool.features, np.arange(len(self.pool.features)),
            mixture=Mixture(composed=0), seed=seed, styles=self.space.together,
        )  # fmt: skip
        heads = list(islice(page, max(AT)))
        return {votes: heads[votes - 1] for votes in AT}

    def knowing(self, mind: Mind) -> Head:
        """A head that holds all that is linear in the features of the true taste."""
        x, utility = self.pool.features, mind.person(self.pool.attributes).utility
        weights = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ utility)
        return Head.of(weights, SURE * np.eye(len(weights)), self.space.version)

    def compose(self, mind: Mind, seed: int, ways: Sequence[str] = WAYS) -> Met:
        """Listen, search and compose for every side: "6", …: gifts; "average", …; "WAY 6", …: the other ``ways``."""
        if self.bank is None:
            raise ValueError("there is no bank to search")
        begun = time.process_time()
        heads = self.listened(mind, seed)
        clips: dict[str, Sequence[Clip]] = {}
        begun = time.process_time()
        found = {votes: self._gifts(head, ideas(head.votes_seen), seed + votes) for votes, head in heads.items()}
        seconds = (time.process_time() - begun) / len(heads)
        for votes, head in heads.items():
            clips[str(votes)] = clips[f"gift {votes}"] = found[votes]
            for way in ways:
                if way not in {"gift", "draw"}:
                    clips[f"{way} {votes}"] = self._others(way, head, found[votes], seed + votes)
        most = ideas(max(AT))
        clips["average"] = self._gifts(self.average, most, seed + 1, keep=False)
        clips["knowing"] = self._gifts(self.knowing(mind), most, seed + 2, keep=False)
        # Of a bank, too, as many as anybody would draw and choose from.
        some = np.random.default_rng([seed, 3]).permutation(self._free())[:SEARCHED].tolist()
        lines = self.bank.candidates.chosen(some).lines
        best = pick(self.newcomer, self.space.with_distances(lines), 2 * CLIPS)
        clips["best_draw"] = self._played(self.bank.chosen([some[place] for place in best]), seed)
        clips["prior"] = clips["draw"] = self._played(self.bank.chosen(some[: 2 * CLIPS]), seed)
        return Met(mind, clips, seconds, self.measure)

    def played(self, drafts: Sequence[Draft], seed: int) -> list[Piece]:
        """The first ``CLIPS`` that can be offered."""
        return [clip.piece for clip in self._played(Searched.of(self.space, drafts), seed)]

    def _free(self) -> list[int]:
        assert self.bank is not None
        return [place for place in range(len(self.bank.drafts)) if place not in self.given]

    def _gifts(self, head: Head, among: int, seed: int, *, keep: bool = True) -> list[Clip]:
        """As the page gives them: drafts that nobody has, as they were written. Who may ``keep`` them has them then."""
        assert self.bank is not None
        free = self._free()
        found = gifts(head, self.space, self.bank.candidates.chosen(free), 2 * CLIPS, seed=seed, among=among)
        places = [free[each.origin] for each in found]
        clips = self._played(self.bank.chosen(places), seed)
        names = {clip.source for clip in clips if keep}
        self.given |= {place for place in places if self.bank.sources[place] in names}
        return clips

    def _others(self, way: str, head: Head, gift: Sequence[Clip], seed: int) -> list[Clip]:
        """What else the same head would have been given."""
        assert self.bank is not None
        if way == "decoded":
            sources = {source: place for place, source in enumerate(self.bank.sources)}
            same = self.bank.chosen([sources[clip.source] for clip in gift])
            return self._played(replace(same, drafts=[Draft(each.latents) for each in same.drafts]), seed)
        if way == "real_chosen":
            if self.real is None:
                return []
            found = gifts(head, self.space, self.real.candidates, CLIPS, seed=seed)
            return self._played(self.real.chosen([each.origin for each in found]), seed)
        if way == "asked":
            return self._asked(head, gift, seed)
        found = best_latents(head, self.space, self.bank.candidates, 2 * CLIPS, refine=way == "mosaic")
        return self._played(_as_found(found, self.bank), seed)

    def _asked(self, head: Head, gift: Sequence[Clip], seed: int) -> list[Clip]:
        """The best of the gift's drafts and of what is written as it is asked for."""
        assert self.bank is not None
        some = self.bank.chosen(self._free())
        asks = asks_for(head, self.space, some.candidates, some.drafts, seed=seed)
        made = self.composer.write(
            self.pool.domain, [ask for ask, _ in asks], [(seed, place) for place in range(len(asks))]
        )
        place = {source: number for number, source in enumerate(self.bank.sources)}
        found = [(self.bank.drafts[place[clip.source]], clip.source) for clip in gift]
        found += [(draft, some.sources[origin]) for draft, (_, origin) in zip(made, asks, strict=True) if draft]
        best = best_written(head, self.space, [draft for draft, _ in found], CLIPS)
        return [Clip(draft.notes, source) for draft, source in (found[number] for number in best) if draft.notes]

    def _played(self, drafts: Searched, seed: int) -> list[Clip]:
        """The first ``CLIPS`` that can be offered."""
        kept: list[Clip] = []
        left = list(zip(drafts.drafts, drafts.sources, strict=True))
        fingerprint = self.composer.bundle.fingerprint
        while left and len(kept) < CLIPS:
            now, left = left[: CLIPS - len(kept)], left[CLIPS - len(kept) :]
            made = compose(self.composer, self.pool.domain, [draft for draft, _ in now], seed + len(left))
            for piece, (_, source) in zip(made, now, strict=True):
                # a real clip is a copy of itself
                if rejection_reason(piece, None if source.startswith("song") else fingerprint) is None:
                    kept.append(Clip(piece, source))
        return kept


def _as_found(found: Sequence[Candidate], bank: Searched) -> Searched:
    """Drafts again where a search found these; what it put together has latents alone."""
    drafts = [
        bank.drafts[each.origin] if each.latents is bank.drafts[each.origin].latents else Draft(each.latents)
        for each in found
    ]
    return Searched(drafts, bank.candidates, [bank.sources[each.origin] for each in found])


def opened(
    composer: Composer,
    space: TasteSpace,
    pool: Pool,
    *,
    listeners: int,
    seed: int,
    shared: float = SHARED,
    measure: Measure = attribute_row,
) -> tuple[House, Taste]:
    """The house after a study of so many listeners, who voted on random pairs, and what they have in common."""
    common = taste("linear", pool.attributes, np.random.default_rng([seed, 0]))
    fixed, evidence = new_head(space), []
    everything = np.arange(len(pool.features))
    for number in track(range(listeners), "a study", console=Console(stderr=True)):
        kind, generator = KINDS[number % len(KINDS)], np.random.default_rng([seed, 1, number])
        mind = Mind.draw(kind, common, pool.attributes, generator, shared)
        someone = mind.person(pool.attributes)
        heads = listen(someone, fixed, pool.features, everything, mixture=RANDOM, seed=seed + number)
        *_, head = islice(heads, VOTES_EACH)
        evidence.append(Evidence.of(head, fixed))
    prior = PopulationPrior.fixed(fixed)
    population = learn(evidence, prior)
    house = House(composer, space, pool, population.newcomer(), average(evidence, population, prior), measure=measure)
    return house, common


def everybody(
    house: House, common: Taste, each: int, seed: int, *, shared: float = SHARED, ways: Sequence[str] = WAYS
) -> list[Met]:
    """What ``each`` listeners of every kind met."""
    tasks = [(kind, number) for number in range(each) for kind in range(len(KINDS))]
    found = []
    for kind, number in track(tasks, "composing", console=Console(stderr=True)):
        generator = np.random.default_rng([seed, 2, kind, number])
        mind = Mind.draw(KINDS[kind], common, house.pool.attributes, generator, shared)
        found.append(house.compose(mind, 1_000_000 * (seed + 1) + 1_000 * kind + number, ways))
    return found
