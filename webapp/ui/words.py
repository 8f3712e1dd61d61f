"""Taste in words for the person whose taste it is: the slices speak of "a listener", a page says "you"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from db.tables import PICTURES
from models.metrics.music_statistics import ATTRIBUTES
from models.taste.explain import POLES
from models.taste.readouts import PICTURE_ATTRIBUTES
from webapp.taste.overview import StyleLiking

MIDDLE, FAR = 0.4, 1.5  # standard deviations from the middle of real music


def strongest(styles: Sequence[StyleLiking]) -> StyleLiking | None:
    """The style of whose liking the head is surest; ``None`` where all are open or only guessed from others."""
    leaning = [style for style in styles if style.lean and not (style.others and style.others.guessed)]
    return max(leaning, key=lambda style: style.odds, default=None)


def your_picks(words: str) -> str:
    """ "these votes hardly tell" → "your picks hardly tell"."""
    return words.replace("these votes", "your picks")


def style_name(style: str) -> str:
    """The latents' "content" is, to a listener, the melody."""
    return "melody" if style == "content" else style


def capital(text: str) -> str:
    """With a capital first letter; the others stay."""
    return text[:1].upper() + text[1:]


def sentence(said: object) -> str:
    """What a refusal says, as a sentence."""
    return f"{capital(str(said))}."


def percent(share: float) -> str:
    """ "75 %", which no line breaks in two."""
    return f"{round(100 * share)}\u00a0%"


def unbroken(text: str) -> str:
    """A text in which no line breaks between a figure and its ``%``."""
    return text.replace(" %", "\u00a0%")


def in_hundred(share: float) -> str:
    """ "75 times in 100"."""
    return f"{round(100 * share)} times in 100"


def counted(number: int, what: str) -> str:
    """ "1 vote", "2 votes"."""
    return f"{number} {what}{'s' * (number != 1)}"


def duration(seconds: float) -> str:
    """ "40 seconds", "3 minutes", "2 hours 10 minutes"."""
    if seconds < 55:
        return counted(max(5, 5 * round(seconds / 5)), "second")
    minutes = round(seconds / 60)
    if minutes < 60:
        return counted(max(1, minutes), "minute")
    hours, rest = divmod(5 * round(minutes / 5), 60)
    return counted(hours, "hour") + (f" {counted(rest, 'minute')}" if rest else "")


def described(traits: Mapping[str, float], style: str = "") -> str:
    """A piece in three words at most: the named style first, then what is most its own."""
    known = {**ATTRIBUTES, **PICTURE_ATTRIBUTES}
    named = {name: group for name, group in known.items() if name in traits and group != "content"}
    first = [name for name, group in named.items() if group == style]
    told = [name for name in named if name not in first and abs(traits[name]) >= MIDDLE]
    rest = sorted(told, key=lambda name: -abs(traits[name]))
    return ", ".join(_trait(name, named[name], traits[name]) for name in [*first, *rest][:3])


def _trait(attribute: str, style: str, deviation: float) -> str:
    if abs(deviation) < MIDDLE:
        return f"moderate {style}"
    word = POLES[attribute][deviation > 0]
    return f"very {word}" if abs(deviation) > FAR else word


@dataclass(frozen=True)
class Words:
    """What is said of music, or else of pictures."""

    made: str
    making: str
    done: str
    one: str
    first: str
    opens: str
    wish: str

    def own(self, mode: str | None) -> str:
        """What something of one's own is; "" where that isn't known."""
        mine = {"surprise": "a surprise for you", "near": f"near a {self.one} you like", "studio": "from your studio"}
        return mine.get(mode or "", f"{self.done} for you" if mode in {"careful", "opened"} else "")


OF_MUSIC = Words("pieces composed", "Composing", "composed", "piece", "Listen to", "plays", "Compose for me")
OF_PICTURES = Words("pictures drawn", "Drawing", "drawn", "picture", "Look at", "is shown", "Draw for me")


def words_of(domain: str) -> Words:
    """How a domain is spoken of."""
    return OF_PICTURES if domain == PICTURES else OF_MUSIC
