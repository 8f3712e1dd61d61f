"""One piece of a collection by its id, read alone: a whole collection takes seconds, or minutes where it is new."""

from __future__ import annotations

from .corpora import CORPORA, whole
from .notes import MusicError, Piece


def find_piece(piece_id: str) -> Piece:
    """The piece that ``corpora.load`` calls so.

    Raises ``MusicError`` where its collection is not there, has no such piece, or holds one that can't be read.
    """
    corpus_name, _, name = piece_id.partition("/")
    corpus = CORPORA.get(corpus_name)
    if corpus is not None:
        for path in corpus.files():
            if path.stem != name.partition(":")[0]:  # files of tunes call theirs FILE:NUMBER
                continue
            for unread in corpus.read(path):
                if unread.name == name:
                    return whole(corpus, unread)
    raise MusicError(f"{piece_id[:80]!r} is in none of the collections that are here")
