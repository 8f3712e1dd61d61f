"""What a tune is called, as a model may read it: alternatives apart, types, numbers and editors' marks gone.

``models.music.dance_types.clean_title`` has taken the type in brackets or after "--" already; a type that is part of
the name ("The Roscommon Reel") stays, and ``without_type_words`` is there to measure what it is worth.

``invented`` puts new titles together from the halves of titles that there are. "The Siege of Troy" and "The Monks of
the Screw" make "The Monks of Troy": halves meet where titles of one build have their joint (``of``, ``'s``, or between
adjective and noun).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np

from models.music.dance_types import clean_title
from models.music.grouping import title_key

TYPE_WORDS = re.compile(
    r"\b(?:reel|(?:slip |hop |single |double )?jig|horn ?pipe|march|strathspe?y|polka|waltz|slide|minuet|quick ?step|"
    r"quick march|air|song|lament|lamentation|clog|fling|dance|rant|planxty|gavotte|rondo|galop|quadrille)s?\b",
    re.IGNORECASE,
)
OR = re.compile(r"[,;.]?\s*\(or\s+([^()]*)\)|[,;.]\s*or\s+|\s+or\s+(?=the\s)", re.IGNORECASE)
LEADING_OR = re.compile(r"^or\s+", re.IGNORECASE)
VERSION = re.compile(
    r"[\s.,]*[(\[]?(?:\d(?:st|nd|rd|th)|first|second|third|original|florid|old|new)\s+(?:setting|version)s?[)\]]?\s*$|"
    r"\s*(?:\[[ivx]+\]|#\s*\d+|\s\d(?:\s*&\s*\d)?)\s*$",
    re.IGNORECASE,
)
ABBREVIATED = re.compile(r"\s*\((?:h'pipe|sj|barn dance|lancashire|burns)\)|\s*\[[^\]]*index\]|^T:", re.IGNORECASE)
INSTRUMENTS = re.compile(
    r"[.,]?\s*(?:for (?:the |two |2 )?(?:ger\w*:? |german )?|\b\d )(?:flutes?|violins?|fifes?|clarinets?)\b.*$",
    re.IGNORECASE,
)
MARKS = re.compile(r"\(\*\)|[*\"]")  # CRE's asterisk: never printed before
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789 '&-"
LETTERS = {letter: index + 1 for index, letter in enumerate(ALPHABET)}
SYMBOLS = len(ALPHABET) + 1  # 0: nothing
LONGEST = 48  # characters that are read

BUILDS = (
    re.compile(r"(The \w+ of) ((?:the |my )?[\w']+(?: \w+)?)"),
    re.compile(r"((?:\w+ )?[A-Z]\w+'s) ([A-Z]\w+)"),
    re.compile(r"(The [A-Z]\w+) ([A-Z]\w+)"),
)
KINDS = re.compile(r"\b(reel|jig|hornpipe|march|strathspe?y|waltz|pol[lk]ac?c?a|quickstep|set|no)\b", re.IGNORECASE)
LEAST_LETTERS = 4  # letters of a half: "Mr. H's" is none
TRIES = 20  # a title, as many may be there already


def alternatives(titles: Iterable[str]) -> tuple[str, ...]:
    """All that a tune is called, in the order of its ``T:`` lines, each name once; any of them is right."""
    found: dict[str, str] = {}
    for title in titles:
        for part in OR.split(INSTRUMENTS.sub("", ABBREVIATED.sub("", LEADING_OR.sub("", title)))):
            name = _plain(part or "")
            if name and spelled(name):
                found.setdefault(title_key(name), name)
    return tuple(found.values())


def _plain(title: str) -> str:
    """One name without asterisks, version numbers, quotation marks and stray punctuation."""
    name = clean_title(MARKS.sub("", title))
    while (shorter := VERSION.sub("", name)) != name:
        name = shorter
    return re.sub(r"\s+", " ", name).strip(" ,;:.-")


def without_type_words(title: str) -> str:
    """The title without words that name a kind of tune; may be empty."""
    return re.sub(r"\s+", " ", TYPE_WORDS.sub(" ", title)).strip()


def spelled(title: str) -> str:
    """The title as the encoders read it: lower case, no accents, only ``ALPHABET``.

    Case and accents are habits of whoever typed a file, and files hold tunes of one kind.
    """
    plain = unicodedata.normalize("NFKD", title.replace("’", "'")).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return re.sub(r"\s+", " ", "".join(c if c in ALPHABET else " " for c in plain)).strip()


def invented(titles: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """``count`` new titles, or fewer where ``titles`` have too few halves; none of them is among ``titles``."""
    halves = [
        [found.groups() for title in titles if (found := build.fullmatch(title)) and _are_words(found)]
        for build in BUILDS
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


def _are_words(found: re.Match[str]) -> bool:
    """Whether both halves are words, and none says what kind of tune it is: that is not known."""
    return all(len(half) >= LEAST_LETTERS and not KINDS.search(half) for half in found.groups())
