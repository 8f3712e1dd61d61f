"""Forms of real pieces: how many bars back each of their whole bars was heard before (0: it is new).

A new piece, or an excerpt of one, is told the form of a training piece that is drawn by chance. No note of it is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from models.music.notes import DOMAINS, Domain, Piece
from models.music.tokens import TokenArray
from models.style.pieces.conditions import FARTHEST, first_numbers, returns_of
from models.style.pieces.data import whole_tokens

FILE = "forms.json"
KEPT = 400  # pieces of a domain
ENDING = 2  # bars that a piece ends with
NEAREST = 8  # forms of a piece among which one is drawn

Form = tuple[int, ...]


def form_of(tokens: TokenArray) -> Form:
    """The form of a piece's tokens ``(steps, 7)``; a pickup before its first whole bar is left out."""
    pickup = 1 - int(first_numbers(tokens[:1])[0])
    return tuple(np.minimum(returns_of(tokens), FARTHEST)[pickup:].tolist())


def learn(pieces: Sequence[Piece], seed: int = 0) -> dict[Domain, list[Form]]:
    """Forms of at most ``KEPT`` of the pieces of each domain."""
    found: dict[Domain, list[Form]] = {}
    for number, domain in enumerate(DOMAINS):
        every = [tokens for p in pieces if p.domain == domain if (tokens := whole_tokens(p)) is not None]
        some = np.random.default_rng([seed, number]).permutation(len(every))[:KEPT]
        if len(some):
            found[domain] = [form_of(every[i]) for i in sorted(some.tolist())]
    return found


def save(folder: Path, found: Mapping[Domain, Sequence[Form]]) -> None:
    """Write ``FILE`` into a folder."""
    (folder / FILE).write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")


def load(folder: Path | None) -> dict[Domain, list[Form]]:
    """Forms by domain; none where the folder has no ``FILE``."""
    path = folder / FILE if folder else None
    if path is None or not path.is_file():
        return {}
    return {domain: [tuple(form) for form in forms] for domain, forms in json.loads(path.read_text("utf-8")).items()}


def drawn_like(
    forms: Sequence[Form], bars: int, begun: Form, rng: np.random.Generator, *, ending: bool = False
) -> Form:
    """One of the forms, cut to ``bars``, of those nearest to that length whose first bars are likest to ``begun``.

    With an ``ending`` its last bars are those with which the real piece ended, and no others. Empty where none is as
    long.
    """
    able = [form for form in forms if len(form) >= bars]
    if not able:
        return ()
    alike = [sum(mine == theirs for mine, theirs in zip(begun, form, strict=False)) for form in able]
    order = sorted(rng.permutation(len(able)).tolist(), key=lambda i: (-alike[i], len(able[i]) - bars))
    found = able[int(rng.choice(order[:NEAREST]))]
    if not ending or bars <= ENDING:
        return found[:bars]
    last = zip(range(bars - ENDING, bars), found[-ENDING:], strict=True)
    return found[: bars - ENDING] + tuple(back if back <= bar else 0 for bar, back in last)
