"""What the type of a tune says where its file is silent: tempo, accents, and the type in a title, which has to go.

Tempi are those at which dancers and slow players take the types; none is measured.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from fractions import Fraction

import numpy as np

from .notes import TICKS_PER_QUARTER, IntArray, Piece

TEMPO_BPM = {
    "reel": 200.0,
    "jig": 180.0,
    "double jig": 180.0,
    "single jig": 186.0,
    "slip jig": 180.0,
    "slide": 195.0,
    "hornpipe": 160.0,
    "clog": 150.0,
    "polka": 130.0,
    "strathspey": 140.0,
    "highland fling": 140.0,
    "fling": 140.0,
    "waltz": 140.0,
    "march": 120.0,
    "walkaround": 130.0,
    "gavotte": 130.0,
    "air": 90.0,
}
TEMPO_SPREAD = 0.08
ALIASES = {"slipjig": "slip jig", "doublejig": "double jig", "hop jig": "slip jig", "slow air": "air"}
STRONG, MEDIUM, BEAT, WEAK = 84, 74, 70, 64
WORDS = "|".join(sorted({*TEMPO_BPM, *ALIASES, "quickstep", "set dance", "song"}, key=len, reverse=True))
BRACKET = re.compile(rf"\s*[(\[][^()\[\]]*\b(?:{WORDS})s?\b[^()\[\]]*[)\]]", re.IGNORECASE)
DASH = re.compile(rf"\s+--?\s*(?:[\w']+ )?(?:{WORDS})s?\.?\s*$", re.IGNORECASE)
WORD = re.compile(r"[^\W\d_]+(?:'(?:s|t|ll|d|re|ve|m)\b)?", re.IGNORECASE)
NUMBER = re.compile(r"\s*(?:\[\d+\]|\(\d+\)|#\d+|,?\s+no\.?\s*\d+)\s*$", re.IGNORECASE)
ARTICLE = re.compile(r"^(.*\S)\s*,\s*(The|An|A|Da|Na)\.?$", re.IGNORECASE)
TEX = {"'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "c": "\u0327"}


def unit_hash(text: str) -> float:
    """A number in [0, 1) that depends on ``text`` alone."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2.0**64


def clean_genre(value: str) -> str | None:
    """The type of an ``R:`` field: without comments and brackets, lower case; None where nothing is left."""
    genre = re.sub(r"[%(].*", "", value).strip().strip(".").lower()
    genre = re.sub(r"\s+", " ", genre)
    return ALIASES.get(genre, genre) or None


def clean_title(value: str) -> str:
    """A title without its tune type ("(reel)", "-- Reel"), version number or inverted article."""
    title = re.sub(r"\\(['`^\"~c])([A-Za-z])", lambda m: m[2] + TEX[m[1]], value)
    title = unicodedata.normalize("NFC", title)
    title = BRACKET.sub("", title)
    title = NUMBER.sub("", DASH.sub("", title)).strip().rstrip(".").strip()
    if match := ARTICLE.match(title):
        title = f"{match[2].capitalize()} {match[1]}"
    if title.isupper() and len(title) > 3:
        title = WORD.sub(lambda match: match[0].capitalize(), title)
    return re.sub(r"\s+", " ", title)


def default_tempo_bpm(genre: str | None, meter: tuple[int, int], seed: str) -> float:
    """Quarters a minute for a tune whose file gives none, varied by ±8 % with ``seed``.

    The variation is drawn from a hash of ``seed``, so that tempo is no constant of the type and a tune keeps its own.
    """
    guess = {(6, 8): 170.0, (9, 8): 175.0, (12, 8): 185.0, (3, 4): 130.0, (3, 8): 120.0}.get(meter, 130.0)
    return TEMPO_BPM.get(genre or "", guess) * (1.0 + TEMPO_SPREAD * (2.0 * unit_hash(seed) - 1.0))


def beat_ticks(numerator: int, denominator: int) -> int:
    """Length of the felt beat in ticks: dotted in compound meters, the denominator's note elsewhere."""
    unit = Fraction(4 * TICKS_PER_QUARTER, denominator)
    if denominator >= 8 and numerator % 3 == 0:
        unit *= 3
    return max(1, int(unit))


def accent(position: int, numerator: int, denominator: int) -> int:
    """Velocity of a note ``position`` ticks into a full bar of the meter: first beat, half bar, beats, the rest."""
    if position == 0:
        return STRONG
    beat = beat_ticks(numerator, denominator)
    bar = 4 * TICKS_PER_QUARTER * numerator // denominator
    if position % beat:
        return WEAK
    beats = max(1, bar // beat)
    return MEDIUM if beats % 2 == 0 and 2 * position == bar else BEAT


def accents(piece: Piece) -> IntArray:
    """``accent`` of every note of a piece, ``(notes,)``; a pickup is the end of a bar."""
    bar = np.searchsorted(piece.bars[:, 0], piece.notes[:, 0], side="right") - 1
    _, length, above, below = piece.bars[0].tolist()
    starts = piece.bars[:, 0].copy()
    starts[0] -= max(0, 4 * TICKS_PER_QUARTER * above // below - length)
    places = zip((piece.notes[:, 0] - starts[bar]).tolist(), piece.bars[bar, 2:].tolist(), strict=True)
    return np.array([accent(place, *meter) for place, meter in places], dtype=np.int32)
