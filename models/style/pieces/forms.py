"""Forms of real pieces: how many bars back each of their whole bars was heard before (0: it is new).

A new piece, or an excerpt of one, is given the form of a training piece that is drawn by chance. No note of it is kept.
The sections of a piece, as many bars each, are letters such as AABA. Needs no torch, so that who only asks for a piece
or shows one may know them.
"""

from __future__ import annotations

import json
import string
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from models.music.notes import DOMAINS, Domain, MusicError, Piece
from models.music.tokens import TokenArray, to_tokens
from models.style.pieces.conditions import ALIKE, FARTHEST, first_numbers, likeness_of, returns_of, whole_tokens

SECTION_BARS = 8  # of a form that is asked for
FEWEST, MOST = 2, 8  # sections
MOST_HEARD = 16
RETURNS = 0.5  # share of a section's bars that are alike to those of the one that comes again


def wanted_form(text: str) -> str:
    """The form that somebody asked for, such as "aaba", in capitals; "" for none.

    Raises ``ValueError`` for anything but ``FEWEST`` to ``MOST`` letters in which each new section has the next one.
    """
    form = "".join(text.split()).upper()
    new = "".join(dict.fromkeys(form))
    if form and not (FEWEST <= len(form) <= MOST and string.ascii_uppercase.startswith(new)):
        raise ValueError(
            f"“{text.strip()[:20]}” is no form; {FEWEST} to {MOST} letters are allowed, such as AABA: the first is an "
            "A, each new section has the next letter, and a letter that comes again asks for its music again"
        )
    return form


def sounding_bars(piece: Piece) -> int:
    """Bars from the first note's to the last note's, as sections count them: a pickup belongs to none."""
    if not len(piece.notes):
        return 0
    first, last = (int(bar) for bar in np.searchsorted(piece.bars[:, 0], piece.notes[[0, -1], 0], "right"))
    return last - first + 1 - int(first == 1 and piece.has_pickup)


def heard_form(piece: Piece, bars: int) -> str:
    """The letters of a piece's sections of ``bars`` whole bars; the last one may be shorter.

    A section comes again where half of its bars are alike (``conditions.likeness_of``). Empty where there are fewer
    than two sections or more than ``MOST_HEARD``, or a piece has no tokens.
    """
    try:
        likeness = likeness_of(to_tokens(piece))[int(piece.has_pickup) :, int(piece.has_pickup) :]
    except MusicError:
        return ""
    if not bars < len(likeness) <= MOST_HEARD * bars:
        return ""
    letters: list[str] = []
    for begin in range(0, len(likeness), bars):
        length = min(bars, len(likeness) - begin)
        same = [np.diagonal(likeness[begin : begin + length, at * bars :])[:length] for at in range(len(letters))]
        again = [letter for letter, alike in zip(letters, same, strict=True) if (alike >= ALIKE).mean() >= RETURNS]
        letters.append(again[0] if again else string.ascii_uppercase[len(set(letters))])
    return "".join(letters)


FORMS_FILE = "forms.json"
KEPT = 400  # pieces of a domain
ENDING = 2  # bars that a piece ends with
NEAREST = 8  # forms of a piece among which one is drawn

Form = tuple[int, ...]


def form_of(tokens: TokenArray) -> Form:
    """The form of a piece's tokens ``(steps, 7)``; a pickup before its first whole bar is left out."""
    pickup = 1 - int(first_numbers(tokens[:1])[0])
    return tuple(np.minimum(returns_of(tokens), FARTHEST)[pickup:].tolist())


def forms_of(pieces: Sequence[Piece], seed: int = 0) -> dict[Domain, list[Form]]:
    """Forms of at most ``KEPT`` of the pieces of each domain."""
    found: dict[Domain, list[Form]] = {}
    for number, domain in enumerate(DOMAINS):
        every = [tokens for p in pieces if p.domain == domain if (tokens := whole_tokens(p)) is not None]
        some = np.random.default_rng([seed, number]).permutation(len(every))[:KEPT]
        if len(some):
            found[domain] = [form_of(every[i]) for i in sorted(some.tolist())]
    return found


def save_forms(folder: Path, found: Mapping[Domain, Sequence[Form]]) -> None:
    """Write ``FORMS_FILE`` into a folder."""
    (folder / FORMS_FILE).write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")


def load_forms(folder: Path | None) -> dict[Domain, list[Form]]:
    """Forms by domain; none where the folder has no ``FORMS_FILE``."""
    path = folder / FORMS_FILE if folder else None
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
