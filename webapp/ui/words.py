"""Taste in words for the person whose taste it is: the slices speak of "a listener", a page says "you"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from webapp.taste.overview import StyleLiking


def leaning(words: str) -> str:
    """ "probably likes it slower" → "you probably like it slower"."""
    yours = words.replace("likes", "like").replace("seems", "seem").replace("does not", "do not")
    return "we can't tell yet" if yours.startswith("can't") else f"you {yours}"


def strongest(styles: Sequence[StyleLiking]) -> StyleLiking | None:
    """The style of whose liking the head is surest; ``None`` where all are open or only guessed from others."""
    liked = [
        style
        for style in styles
        if re.search(r"\blikes? it ", style.words) and not (style.others and style.others.guessed)
    ]
    return max(liked, key=lambda style: style.confidence, default=None)
