"""What real pieces are like as wholes: their forms, and where each kind of music lies in pitch.

A form says how many bars back each whole bar was heard before (0: it is new). A new piece, or an excerpt of one, is
given the form of a training piece that is sampled at random. No note of it is kept. The sections of a piece, as many
bars each, are letters such as AABA. Needs no torch, so that who only requests a piece or shows one may know them.

A ``Transposition`` says how likely each transposition of a piece is, learned from pieces as they were written. A piece
model trains on every piece in all keys, and so it writes in all keys. Real dance tunes have a few that lie well on
their instruments, and voices have ranges.
"""

from __future__ import annotations

import json
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax

from models.music.notes import DOMAINS, Domain, MusicError, Piece
from models.music.tokens import LOWEST_PITCH, PITCHES, TokenArray, to_tokens
from models.style.pieces.conditions import ALIKE, FARTHEST, first_numbers, likeness_of, returns_of, whole_tokens

SECTION_BARS = 8  # of a form that is asked for
FEWEST, MOST = 2, 8  # sections
MOST_HEARD = 16
RETURNS = 0.5  # share of a section's bars that are alike to those of the one that comes again

FORMS_FILE = "forms.json"
KEPT = 400  # pieces of a domain
ENDING = 2  # bars that a piece ends with
NEAREST = 8  # forms of a piece among which one is drawn

Form = tuple[int, ...]

Floats = npt.NDArray[np.float64]

KEYS_FILE = "transposition.json"

SHIFTS = np.arange(-6, 6)  # semitones

KEPT_AS_IT_IS = int(np.flatnonzero(SHIFTS == 0)[0])

SELDOM = 1e-3  # the least share of pieces that a lowest or highest pitch is taken to have; of notes a tenth of it

FLATNESS = 0.01  # pulls the weights to 0, so that few pieces don't make them boundless


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


@dataclass(frozen=True)
class Transposition:
    """What is known of a domain's pitches: ``table`` (3, 128) and ``weights`` (3,).

    The rows of the table are logarithms of the share of notes that have a pitch, and of pieces in which it is the
    lowest and the highest one. A transposition's logit is the weighted sum of the mean over the notes, and of the
    lowest and the highest pitch (a conditional logit: McFadden 1974).
    """

    table: Floats
    weights: Floats

    @classmethod
    def fit(cls, pieces: Sequence[Piece]) -> Self:
        """That under which it is likeliest that ``pieces``, each with a note, lie where they do and not elsewhere."""
        notes = np.mean([_histogram(piece) for piece in pieces], axis=0)
        ends = [[f(piece.notes[:, 2]) for piece in pieces] for f in (np.min, np.max)]
        lowest, highest = (np.bincount(pitches, minlength=128) / len(pieces) for pitches in ends)
        table = np.log(np.stack([notes + SELDOM / 10, lowest + SELDOM, highest + SELDOM]))
        terms = np.stack([_terms(table, piece) for piece in pieces])

        def cost(weights: Floats) -> float:
            logits = log_softmax(terms @ weights, axis=1)
            return float(FLATNESS * weights @ weights - logits[:, KEPT_AS_IT_IS].mean())

        found = minimize(cost, np.ones(3), bounds=[(0, None)] * 3)
        return cls(table, np.asarray(found.x, dtype=np.float64))

    def chances(self, piece: Piece) -> Floats:
        """How likely each of ``SHIFTS`` is for a piece with notes, ``(12,)``; 0 where the model has no such pitch."""
        lowest, highest = (int(f(piece.notes[:, 2])) for f in (np.min, np.max))
        there = (lowest + SHIFTS >= LOWEST_PITCH) & (highest + SHIFTS < LOWEST_PITCH + PITCHES)
        if not there.any():
            there = SHIFTS == 0
        logits = np.where(there, _terms(self.table, piece) @ self.weights, -np.inf)
        found: Floats = np.exp(log_softmax(logits))
        return found

    def moved(self, piece: Piece, rng: np.random.Generator) -> Piece:
        """The piece in a transposition that is drawn from ``chances``; as it is where it has no note."""
        if not len(piece.notes):
            return piece
        return piece.transposed(int(rng.choice(SHIFTS, p=self.chances(piece))))

    def to_json(self) -> dict[str, Any]:
        """As ``KEYS_FILE`` has it."""
        return {"table": np.round(self.table, 3).tolist(), "weights": np.round(self.weights, 4).tolist()}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """From ``KEYS_FILE``."""
        return cls(np.array(found["table"], dtype=np.float64), np.array(found["weights"], dtype=np.float64))


def save_transpositions(folder: Path, found: Mapping[str, Transposition]) -> None:
    """Write ``KEYS_FILE`` into a folder: what is known by domain."""
    text = json.dumps({name: each.to_json() for name, each in found.items()})
    (folder / KEYS_FILE).write_text(text + "\n", encoding="utf-8")


def load_transpositions(folder: Path | None) -> dict[str, Transposition]:
    """What is known by domain; nothing where the folder has no ``KEYS_FILE``."""
    path = folder / KEYS_FILE if folder else None
    if path is None or not path.is_file():
        return {}
    return {name: Transposition.from_json(each) for name, each in json.loads(path.read_text(encoding="utf-8")).items()}


def _histogram(piece: Piece) -> Floats:
    """The share of the notes that have each pitch, ``(128,)``."""
    found: Floats = np.bincount(piece.notes[:, 2], minlength=128) / len(piece.notes)
    return found


def _terms(table: Floats, piece: Piece) -> Floats:
    """What the weights weigh, for each of ``SHIFTS``: ``(12, 3)``; pitches beyond 0-127 count as the outermost."""
    pitch = np.clip(piece.notes[:, 2][None] + SHIFTS[:, None], 0, 127)
    return np.stack([table[0][pitch].mean(1), table[1][pitch.min(1)], table[2][pitch.max(1)]], axis=1)
