"""Titles that nobody has given a tune yet, put together from the halves of titles that there are.

"The Siege of Troy" and "The Monks of the Screw" make "The Monks of Troy": halves meet where titles of one build have
their joint (``of``, ``'s``, or between adjective and noun).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

BUILDS = (
    re.compile(r"(The \w+ of) ((?:the |my )?[\w']+(?: \w+)?)"),
    re.compile(r"((?:\w+ )?[A-Z]\w+'s) ([A-Z]\w+)"),
    re.compile(r"(The [A-Z]\w+) ([A-Z]\w+)"),
)
KINDS = re.compile(r"\b(reel|jig|hornpipe|march|strathspe?y|waltz|pol[lk]ac?c?a|quickstep|set|no)\b", re.IGNORECASE)
LEAST = 4  # letters of a half: "Mr. H's" is none
TRIES = 20  # a title, as many may be there already


def invented(titles: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """``count`` new titles, or fewer where ``titles`` have too few halves; none of them is among ``titles``."""
    halves = [
        [found.groups() for title in titles if (found := build.fullmatch(title)) and _fit(found)] for build in BUILDS
    ]
    halves = [some for some in halves if some]
    known, made = {title.casefold() for title in titles}, dict[str, None]()
    for _ in range(TRIES * count if halves else 0):
        some = halves[rng.integers(len(halves))]
        first, second = some[rng.integers(len(some))][0], some[rng.integers(len(some))][1]
        title = f"{first} {second}"
        if title.casefold() not in known:
            made[title] = None
        if len(made) == count:
            break
    return list(made)


def _fit(found: re.Match[str]) -> bool:
    """Whether both halves are words, and none says what kind of tune it is: that is not known."""
    return all(len(half) >= LEAST and not KINDS.search(half) for half in found.groups())
