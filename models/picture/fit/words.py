"""A listener's tie in words: what pictures sound like to them, with the odds that it is so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scipy.special import ndtr

from models.picture.fit.head import annotated, new_head, tie
from models.picture.fit.measures import HEARD, SEEN
from models.taste.explain import MAYBE, SILENT, with_odds
from models.taste.head import Head

LOOKS: Mapping[str, str] = {"brightness": "bright", "warmth": "warm", "busyness": "busy", "size": "full"}
SOUNDS: Mapping[str, tuple[str, str]] = {  # less and more of it
    "register": ("low", "high"),
    "mode": ("minor", "major"),
    "density": ("sparse", "dense"),
    "loudness": ("soft", "loud"),
    "tempo": ("slow", "fast"),
}


@dataclass(frozen=True)
class Link:
    """How a readout of pictures goes with a side of the music for a listener.

    ``weight`` and its posterior ``sd``; ``odds`` that its sign is right (0.5 to 1). ``own``: share of the prior doubt
    that the listener's picks took away; below ``SILENT`` it is most people's link and hardly theirs. ``words`` say
    it: "warm pictures probably sound low to you (9 in 10)".
    """

    readout: str
    side: str
    weight: float
    sd: float
    odds: float
    own: float
    words: str

    @property
    def guessed(self) -> bool:
        """Whether picks hardly tell of it yet."""
        return self.own < SILENT


def all_links(head: Head) -> list[Link]:
    """Every readout with every side, the strongest first."""
    (weights, doubts), (_, before) = tie(head), tie(new_head())
    kept = doubts**2 / before**2
    found = []
    for place, readout in enumerate(SEEN):
        for column, side in enumerate(HEARD):
            weight, sd = float(weights[place, column]), float(doubts[place, column])
            odds = float(ndtr(abs(weight) / sd)) if sd > 0 else 0.5
            sounds = SOUNDS[side][weight > 0]
            words = f"{LOOKS[readout]} pictures {with_odds(f'sound {sounds} to you', odds)}"
            found.append(Link(readout, side, weight, sd, odds, 1 - float(kept[place, column]), words))
    return sorted(found, key=lambda link: -abs(link.weight))


def told(head: Head) -> list[Link]:
    """What the listener's own picks tell: links that are sure enough to be said, the strongest first."""
    return [link for link in all_links(head) if link.odds >= MAYBE and not link.guessed]


def most_hear(head: Head) -> list[Link]:
    """Links that most people hear and of which the listener's own picks hardly tell, the strongest first."""
    return [link for link in all_links(head) if link.guessed and link.odds >= MAYBE and _usual(link) * link.weight > 0]


def unlike_most(link: Link) -> bool:
    """Whether most people hear the opposite."""
    return link.weight * _usual(link) < 0


def _usual(link: Link) -> float:
    """The annotated weight."""
    place = SEEN.index(link.readout) * len(HEARD) + list(HEARD).index(link.side)
    return float(annotated()[place])
