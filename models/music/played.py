"""The music of the corpora that may be played to anybody, found by its title.

``PLAYED``: the collections that come with music21 by permission of their encoders, and CRE (Unlicense / CC BY 4.0).
Pop1K7, whose terms are unstated, is never played, nor is EMOPIA, whose bars mean nothing until its beats are estimated.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from models.music.corpora import hymn_titles

from . import corpora
from .notes import Domain, MusicError, Piece

TUNE_BOOKS = ("oneills1850", "ryansMammoth", "airdsAirs", "cre")
PLAYED = (*TUNE_BOOKS, "bachChorales")
COLLECTIONS = {
    "oneills1850": "O'Neill's", "ryansMammoth": "Ryan's", "airdsAirs": "Aird's", "cre": "Ceol Rince na hÉireann",
    "bachChorales": "Bach's chorales", "folder": "your folder",
}  # fmt: skip
NOT_FOUND = 3


@dataclass(frozen=True)
class Entry:
    """A piece of a collection that has not been parsed: where it is and what it is called."""

    corpus: str
    name: str
    titles: tuple[str, ...]
    plain: tuple[str, ...]  # the titles as they are looked for
    path: Path

    @property
    def domain(self) -> Domain:
        """The kind of music."""
        return corpora.CORPORA[self.corpus].domain

    @property
    def collection(self) -> str:
        """What people call the collection."""
        return COLLECTIONS[self.corpus]


def collections() -> list[str]:
    """What the collections that are there are called."""
    return [COLLECTIONS[name] for name in PLAYED if corpora.CORPORA[name].files()]


def find(words: str, domain: str = "") -> list[tuple[str, Entry]]:
    """The pieces with all of ``words`` in a title, each with that title; those of ``domain`` and better ones first.

    Case, accents and punctuation don't count. A title that begins with the words is best, then one in which each of
    them begins a word.
    """
    wanted = _plain(words)
    if not wanted:
        return []
    found = []
    for entry in _catalogue(_files()):
        ranks = [_rank(wanted, plain) for plain in entry.plain]
        if (rank := min(ranks)) < NOT_FOUND:
            title = entry.titles[ranks.index(rank)]
            found.append((entry.domain != domain, rank, len(title), title, entry.corpus, entry.name, entry))
    return [(title, entry) for *_, title, _, _, entry in sorted(found, key=lambda each: each[:-1])]


def read(corpus: str, name: str) -> tuple[Entry, Piece]:
    """A piece that may be played; raises ``MusicError`` where there is none or it is broken."""
    for entry in _catalogue(_files()):
        if (entry.corpus, entry.name) == (corpus, name):
            return entry, _read(entry)
    raise MusicError(f"no collection that may be played has {corpus}/{name}; look for its title")


@lru_cache(maxsize=64)
def _read(entry: Entry) -> Piece:
    return corpora.read_one(corpora.CORPORA[entry.corpus], entry.path, entry.name)


def _files() -> tuple[tuple[str, Path], ...]:
    return tuple((name, path) for name in PLAYED for path in corpora.CORPORA[name].files())


@lru_cache(maxsize=1)
def _catalogue(files: tuple[tuple[str, Path], ...]) -> tuple[Entry, ...]:
    """Every piece with a title; a file that can't be read has none."""
    entries: list[Entry] = []
    for corpus, path in files:
        try:
            pieces = list(corpora.CORPORA[corpus].read(path))
        except (MusicError, OSError):
            continue
        for each in pieces:
            titles = tuple(map(_with_hymn, each.titles)) if corpus == "bachChorales" else each.titles
            if titles:
                entries.append(Entry(corpus, each.name, titles, tuple(map(_plain, titles)), path))
    return tuple(entries)


def _with_hymn(title: str) -> str:
    """ "BWV 269" → "Aus meines Herzens Grunde, BWV 269" where the hymn is known; other settings bear a letter more."""
    number = title.removeprefix("BWV ")
    hymn = hymn_titles().get(number) or hymn_titles().get(number.partition("-")[0])
    return f"{hymn}, {title}" if hymn else title


def _rank(words: str, title: str) -> int:
    if title.startswith(words):
        return 0
    if all(f" {word}" in f" {title}" for word in words.split()):
        return 1
    return 2 if all(word in title for word in words.split()) else NOT_FOUND


def _plain(text: str) -> str:
    letters = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return " ".join(re.sub(r"[^\w]+", " ", re.sub("['’]", "", letters.casefold())).split())
