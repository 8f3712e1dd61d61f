"""A taste as one picture of 1200 x 630: what somebody seems to like with its doubt, and a clip that they like."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

SIZE_PX = (1200, 630)
FONTS = Path(__file__).parent.parent / "ui" / "fonts"
SERIF, SANS = FONTS / "old-standard-tt-latin-400-normal.woff2", FONTS / "hanken-grotesk-latin-wght-normal.woff2"
IVORY, PAPER, INK, INK_2, LINE, LINE_2, FELT, WASH = (
    *("#f4f5f2", "#ffffff", "#15191a", "#515857"),
    *("#d9dcd8", "#818886", "#a3243b", "#dcb4ba"),
)
Z95 = 1.96
LEFT, MIDDLE, RIGHT, ROW = 64, 660, 1136, 108  # px: margins, where the scales begin, from line to line
SMALLEST = 8  # px: the letters of words that are too long
LEAST_RANGE = 30  # semitones of the roll at least


def draw_card(about: Mapping[str, Any], notes: Sequence[Sequence[float]], seconds: float) -> bytes:
    """PNG of ``about``: ``{picks, lines: [{words, less, more, effect, sd}], accuracy: {value, low, high, n} or None}``.

    ``notes``: ``[start_s, duration_s, pitch, velocity]`` of a clip of so many ``seconds``.
    """
    image = Image.new("RGB", SIZE_PX, IVORY)
    draw = ImageDraw.Draw(image)
    draw.text((LEFT, 44), "Kallos", font=_font(SERIF, 40), fill=INK)
    draw.line((LEFT, 106, RIGHT, 106), fill=FELT, width=4)
    heard = f"one person's taste in music, after {about['picks']} pick" + ("" if about["picks"] == 1 else "s")
    draw.text((RIGHT, 88), heard, font=_font(SANS, 24), fill=INK_2, anchor="rs")
    lines = about["lines"]
    span = max([0.5, *(abs(line["effect"]) + Z95 * line["sd"] for line in lines)])
    size = 44
    while size > SMALLEST and any(_font(SERIF, size).getlength(_said(line)) > MIDDLE - LEFT - 30 for line in lines):
        size -= 1
    for index, line in enumerate(lines):
        draw.text((LEFT, 170 + ROW * index), _said(line), font=_font(SERIF, size), fill=INK, anchor="lm")
        _scale(draw, 166 + ROW * index, line, span)
    if not lines:
        draw.text((LEFT, 170), "Still finding out.", font=_font(SERIF, 52), fill=INK)
    _roll(draw, (LEFT, 470, RIGHT, 566), notes, seconds)
    draw.text((LEFT, 602), _foot(about), font=_font(SANS, 21), fill=INK_2, anchor="ls")
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def _said(line: Mapping[str, Any]) -> str:
    words: str = line["words"]
    return words[0].upper() + words[1:]


def _scale(draw: ImageDraw.ImageDraw, y: int, line: Mapping[str, Any], span: float) -> None:
    """The best guess with its 95 % range between the two poles."""

    def place(value: float) -> float:
        return MIDDLE + (RIGHT - MIDDLE) * (0.5 + 0.5 * min(1.0, max(-1.0, value / span)))

    draw.line((MIDDLE, y, RIGHT, y), fill=LINE_2, width=2)
    draw.line((place(0), y - 16, place(0), y + 16), fill=LINE_2, width=2)
    low, high = (place(line["effect"] + side * Z95 * line["sd"]) for side in (-1, 1))
    sure = abs(line["effect"]) > Z95 * line["sd"]
    draw.rounded_rectangle((low, y - 7, high, y + 7), 7, fill=WASH if sure else LINE)
    guess = place(line["effect"])
    draw.ellipse((guess - 12, y - 12, guess + 12, y + 12), fill=FELT if sure else INK_2, outline=IVORY, width=3)
    small = _font(SANS, 20)
    draw.text((MIDDLE, y + 40), line["less"], font=small, fill=INK_2, anchor="ls")
    draw.text((RIGHT, y + 40), line["more"], font=small, fill=INK_2, anchor="rs")


def _roll(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], notes: Sequence[Sequence[float]], seconds: float
) -> None:
    """The clip's notes; the darker, the louder."""
    left, top, right, bottom = box
    draw.rounded_rectangle(box, 12, fill=PAPER, outline=LINE)
    if not notes:
        return
    pitches = [note[2] for note in notes]
    low, high = min(pitches) - 2, max(pitches) + 2
    missing = max(0.0, LEAST_RANGE - (high - low)) / 2
    low, high = low - missing, high + missing
    step = (bottom - top) / (high - low)
    for start, duration, pitch, velocity in notes:
        if start >= seconds:
            continue
        x = left + 8 + (right - left - 16) * start / seconds
        end = left + 8 + (right - left - 16) * min(1.0, (start + duration) / seconds)
        y = bottom - (pitch - low) * step
        grey = int(150 - 120 * velocity / 127)
        draw.rounded_rectangle((x, y - 3, max(end - 2, x + 3), y + 1), 2, fill=(grey, grey + 4, grey + 5))


def _foot(about: Mapping[str, Any]) -> str:
    parts = ["a piece that they like", "ranges of 95 %"]
    accuracy = about["accuracy"]
    if accuracy:
        percent = {name: round(100 * accuracy[name]) for name in ("value", "low", "high")}
        foreseen = f"{percent['value']} % of {accuracy['n']} picks were foreseen ({percent['low']}–{percent['high']} %)"
        parts.append(foreseen)
    return "  ·  ".join(parts)


@cache
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)
