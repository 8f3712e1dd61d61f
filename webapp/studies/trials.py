"""Which pairs a participant hears, in which order: drawn once, when they begin, with the probability of each.

Systems are compared equally often: the pairs of systems come in turn, in a random order, and within them pairs of clips
at random. Repeats come mirrored behind all others; attention checks stand at random places.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from webapp.runtime.errors import NotAllowed
from webapp.studies.design import MOODS, Pairs

UNIFORM_SHARE = 0.3  # of an adaptive draw, so that every pair has a known probability that is not small
DECIDED = 0.68  # weight of two systems about which nine of ten agree, beside those about which nobody does

SystemPair = tuple[str, str]


@dataclass(frozen=True)
class Heard:
    """A clip as the draw knows it."""

    id: uuid.UUID
    system: str
    item: str = ""
    condition: str = ""


@dataclass(frozen=True)
class Drawn:
    """A trial before it is answered; see ``StudyTrial``."""

    kind: str
    left: uuid.UUID
    right: uuid.UUID
    policy: str
    probability: float
    repeats: int | None = None
    expected: str = ""


def compared(clips: Sequence[tuple[uuid.UUID, str, str, str, str]], *, rated: bool = False) -> list[Heard]:
    """Clips, each with id, name, system, item and condition, as trials are drawn from them.

    Where all are of one system, each is compared by its name, unless they are ``rated`` alone.
    """
    alone = len({system for _, _, system, _, _ in clips}) == 1 and not rated
    return [Heard(each, name if alone else system, item, condition) for each, name, system, item, condition in clips]


def candidates(clips: Sequence[Heard], condition: str) -> dict[SystemPair, list[tuple[Heard, Heard]]]:
    """The pairs that participants of a condition may hear, by the two systems that they compare.

    Of one item where both have one.
    """
    mine = [each for each in clips if each.condition in {"", condition}]
    found: dict[SystemPair, list[tuple[Heard, Heard]]] = defaultdict(list)
    for a, b in combinations(sorted(mine, key=lambda each: (each.system, str(each.id))), 2):
        if a.system != b.system and (a.item == b.item or not a.item or not b.item):
            found[a.system, b.system].append((a, b))
    return dict(found)


def conditions_of(clips: Sequence[Heard]) -> list[str]:
    """The groups into which participants are dealt; one without a name where the clips name none."""
    return sorted({each.condition for each in clips if each.condition}) or [""]


def fixed_of(
    clips: Sequence[Heard], fixed: Sequence[tuple[uuid.UUID, uuid.UUID]], condition: str
) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """The fixed pairs whose clips the participants of a condition hear."""
    mine = {each.id for each in clips if each.condition in {"", condition}}
    return [pair for pair in fixed if mine.issuperset(pair)]


def require_enough(
    pairs: Pairs, clips: Sequence[Heard], fixed: Sequence[tuple[uuid.UUID, uuid.UUID]], condition: str
) -> None:
    """Raises ``NotAllowed`` where no pair can be drawn for the participants of a condition."""
    where = f" for the condition {condition!r}" if condition else ""
    if pairs.way == "fixed":
        if not fixed_of(clips, fixed, condition):
            raise NotAllowed(f"there is no fixed pair{where}; add a file pairs.csv with columns left and right")
    elif not candidates(clips, condition):
        raise NotAllowed(
            f"no two clips can be compared{where}: two are needed of different systems, and of the same item where "
            "clips have items"
        )


def draw(
    pairs: Pairs,
    clips: Sequence[Heard],
    fixed: Sequence[tuple[uuid.UUID, uuid.UUID]],
    condition: str,
    *,
    generator: np.random.Generator,
    weights: Mapping[SystemPair, float] | None = None,
) -> list[Drawn]:
    """All trials of one participant; ``weights``: of pairs of systems, which an adaptive draw prefers."""
    if pairs.way == "fixed":
        main = _fixed(pairs, fixed_of(clips, fixed, condition), generator)
    else:
        found = candidates(clips, condition)
        main = _random(pairs, found, generator, weights if pairs.way == "adaptive" else None)
    repeats = [
        Drawn("repeat", main[place].right, main[place].left, "repeat", 1.0, repeats=int(place))
        for place in sorted(generator.permutation(len(main))[: pairs.repeats])
    ]
    return _with_checks([*main, *repeats], pairs.attention_checks, generator)


@dataclass(frozen=True)
class Turns:
    """How often what a study compares comes up for its participants: two systems, or one where clips are rated.

    Attributes:
        places: of each of them, in how many of ``among`` places it stands.
        among: places, which come in turn, in a random order.
        length: how many each participant hears.
        in_turn: False where any place may come at any time, and rather those whose order is open (``UNIFORM_SHARE``).
    """

    places: Mapping[frozenset[str], int]
    among: int
    length: int
    in_turn: bool = True

    @property
    def systems(self) -> int:
        """How many are compared."""
        return len(frozenset[str]().union(*self.places))

    def sample(self, people: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
        """How often each of so many people hears the two that stand in the fewest places, ``(people, 2)``."""
        if not self.in_turn:
            preferred = (1 - UNIFORM_SHARE) * DECIDED / (DECIDED + self.among - 1)
            return generator.binomial(self.length, UNIFORM_SHARE / self.among + preferred, (people, 2))
        fewest = np.array([*sorted(self.places.values()), 0, 0][:2])
        whole, rest = divmod(self.length, self.among)
        places = [*fewest, self.among - fewest.sum()]
        return whole * fewest + generator.multivariate_hypergeometric(places, rest, people)[:, :2]


def turns(pairs: Pairs, clips: Sequence[Heard], fixed: Sequence[tuple[uuid.UUID, uuid.UUID]], condition: str) -> Turns:
    """Those of ``draw``; adaptive ones where one order is clear (nine of ten agree) and all others stay open.

    A fixed pair of one system compares nothing and takes a place all the same.
    """
    if pairs.way == "fixed":
        systems, mine = {each.id: each.system for each in clips}, fixed_of(clips, fixed, condition)
        told = Counter(frozenset((systems[a], systems[b])) for a, b in mine if systems[a] != systems[b])
        return Turns(told, len(mine), min(pairs.per_participant, len(mine)))
    found = [frozenset(each) for each in candidates(clips, condition)]
    return Turns(dict.fromkeys(found, 1), len(found), pairs.per_participant, in_turn=pairs.way == "random")


def turns_rated(pairs: Pairs, clips: Sequence[Heard], condition: str) -> Turns:
    """Those of ``draw_rated``."""
    cells = {(each.system, each.item) for each in clips if each.condition in {"", condition}}
    return Turns(Counter(frozenset((system,)) for system, _ in cells), len(cells), pairs.per_participant)


def require_rated(clips: Sequence[Heard], condition: str) -> None:
    """Raises ``NotAllowed`` where the participants of a condition have no clip whose mood they could rate."""
    mine = [each for each in clips if each.condition in {"", condition}]
    if strange := next((each.item for each in mine if each.item not in MOODS), None):
        raise NotAllowed(f"{strange!r} is the item of a clip; where moods are rated it is one of {', '.join(MOODS)}")
    if not mine or any(not each.item for each in mine):
        raise NotAllowed(f"every clip needs a mood as its item ({', '.join(MOODS)}), and there must be one at least")


def draw_rated(pairs: Pairs, clips: Sequence[Heard], condition: str, *, generator: np.random.Generator) -> list[Drawn]:
    """All trials of one participant who rates clips: systems and moods come in turn, and none twice while others wait.

    A clip that comes again at the end is rated afresh. Each clip is both sides of its trial.
    """
    cells: dict[SystemPair, list[uuid.UUID]] = defaultdict(list)
    for each in sorted(clips, key=lambda clip: str(clip.id)):
        if each.condition in {"", condition}:
            cells[each.system, each.item].append(each.id)
    every = list(cells.values())
    left: list[list[int]] = [[] for _ in every]
    main = []
    for turn in _turns(len(every), None, pairs.per_participant, generator):
        left[turn] = left[turn] or generator.permutation(len(every[turn])).tolist()
        clip = every[turn][left[turn].pop()]
        main.append(Drawn("main", clip, clip, "random", 1 / (len(every) * len(every[turn]))))
    repeats = [
        replace(main[place], kind="repeat", policy="repeat", probability=1.0, repeats=int(place))
        for place in sorted(generator.permutation(len(main))[: pairs.repeats])
    ]
    return _with_checks([*main, *repeats], pairs.attention_checks, generator)


def _fixed(pairs: Pairs, mine: Sequence[tuple[uuid.UUID, uuid.UUID]], generator: np.random.Generator) -> list[Drawn]:
    chosen = [mine[place] for place in generator.permutation(len(mine))[: pairs.per_participant]]
    return [_sided(a, b, "fixed", 1 / len(mine), generator) for a, b in chosen]


def _random(
    pairs: Pairs,
    found: Mapping[SystemPair, list[tuple[Heard, Heard]]],
    generator: np.random.Generator,
    weights: Mapping[SystemPair, float] | None,
) -> list[Drawn]:
    systems = list(found)
    chances = _chances(systems, weights)
    turns = _turns(len(systems), chances if weights else None, pairs.per_participant, generator)
    left: dict[SystemPair, list[int]] = {each: [] for each in systems}
    drawn = []
    for turn in turns:
        those = found[systems[turn]]
        queue = left[systems[turn]]
        if not queue:
            queue.extend(generator.permutation(len(those)).tolist())
        a, b = those[queue.pop()]
        drawn.append(_sided(a.id, b.id, pairs.way, float(chances[turn] / len(those)), generator))
    return drawn


def _chances(systems: Sequence[SystemPair], weights: Mapping[SystemPair, float] | None) -> np.ndarray:
    uniform = np.full(len(systems), 1 / len(systems))
    given = np.array([(weights or {}).get(each, 0.0) for each in systems])
    return uniform if given.sum() <= 0 else UNIFORM_SHARE * uniform + (1 - UNIFORM_SHARE) * given / given.sum()


def _turns(count: int, chances: np.ndarray | None, length: int, generator: np.random.Generator) -> list[int]:
    """Which two systems are compared at each place: each equally often, or by chance."""
    if chances is not None:
        return [int(each) for each in generator.choice(count, size=length, p=chances)]
    rounds = -(-length // count)
    return [int(each) for _ in range(rounds) for each in generator.permutation(count)][:length]


def _sided(a: uuid.UUID, b: uuid.UUID, policy: str, probability: float, generator: np.random.Generator) -> Drawn:
    left, right = (a, b) if generator.random() < 0.5 else (b, a)
    return Drawn("main", left, right, policy, probability)


def _with_checks(trials: list[Drawn], checks: int, generator: np.random.Generator) -> list[Drawn]:
    """Attention checks put in between, each asking for one side; ``repeats`` follow their trials to new places."""
    slots = sorted(int(each) for each in generator.integers(1, len(trials) + 1, size=checks))
    placed: list[Drawn] = []
    moved: dict[int, int] = {}
    for place, trial in enumerate(trials):
        while slots and slots[0] <= place:
            slots.pop(0)
            placed.append(_check(trials, generator))
        moved[place] = len(placed)
        placed.append(trial if trial.repeats is None else replace(trial, repeats=moved[trial.repeats]))
    return [*placed, *(_check(trials, generator) for _ in slots)]


def _check(trials: Sequence[Drawn], generator: np.random.Generator) -> Drawn:
    like = trials[int(generator.integers(len(trials)))]
    return replace(
        like, kind="attention", policy="attention", probability=1.0, repeats=None,
        expected="left" if generator.random() < 0.5 else "right",
    )  # fmt: skip
