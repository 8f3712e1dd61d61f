"""Still pictures as a film: each for some seconds, cross-faded into the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from models.picture.film import A_SECOND, SIDE, Film, FilmError, Pictures
from models.picture.reading import BROKEN, PictureError, in_eight_bits, opened

PICTURE_S, FADE_S = 5.2, 0.8  # two bars at a walking pace
MOST_PICTURES = 100
CANVAS = (960, 540)
SHOWN_A_SECOND = 24
PAPER = (255, 255, 255)


def read_slide(source: Path | bytes) -> Pictures:
    """A picture in the middle of a white canvas of ``CANVAS``; raises ``FilmError`` for what is none or is huge."""
    try:
        data = source if isinstance(source, bytes) else source.read_bytes()
        whole = in_eight_bits(opened(data, "the picture", 2 * max(CANVAS))).convert("RGBA")
    except PictureError as error:
        raise FilmError(str(error)) from error
    except BROKEN as error:
        raise FilmError("a file is no picture that can be read; PNG, JPEG, WebP, AVIF, BMP and TIFF can") from error
    return on_canvas(whole)


def on_canvas(picture: Image.Image) -> Pictures:
    """A picture in the middle of a white canvas of ``CANVAS``."""
    whole = picture.convert("RGBA")
    fitted = ImageOps.contain(whole, CANVAS, Image.Resampling.LANCZOS)
    canvas = Image.new("RGBA", CANVAS, (*PAPER, 255))
    canvas.alpha_composite(fitted, ((CANVAS[0] - fitted.width) // 2, (CANVAS[1] - fitted.height) // 2))
    return np.asarray(canvas.convert("RGB"))


def slideshow(slides: Sequence[Pictures], *, picture_s: float = PICTURE_S) -> Film:
    """The pictures one after the other as a film, with a cut wherever one follows another.

    Raises ``FilmError`` for none or more than ``MOST_PICTURES``.
    """
    if not 0 < len(slides) <= MOST_PICTURES:
        raise FilmError(f"{len(slides)} pictures were given; 1 to {MOST_PICTURES} make a film")
    small = [np.asarray(Image.fromarray(slide).resize((SIDE, SIDE), Image.Resampling.BOX)) for slide in slides]
    seconds = picture_s * len(slides)
    frames = np.stack(list(faded(small, A_SECOND, picture_s)))
    cuts = picture_s * np.arange(1.0, len(slides))
    return Film(frames, np.arange(len(frames), dtype=np.float64) / A_SECOND, cuts, seconds)


def faded(slides: Sequence[Pictures], a_second: float, picture_s: float = PICTURE_S) -> Iterator[Pictures]:
    """The film's pictures, so many ``a_second``; half of a fade lies before each change, half after it."""
    for number in range(round(picture_s * len(slides) * a_second)):
        place = number / a_second / picture_s
        one = int(place)
        since, till = (place - one) * picture_s, (one + 1 - place) * picture_s
        if till < FADE_S / 2 and one + 1 < len(slides):
            share, other = 0.5 - till / FADE_S, one + 1
        elif since < FADE_S / 2 and one > 0:
            share, other = 0.5 - since / FADE_S, one - 1
        else:
            yield slides[one]
            continue
        mixed = slides[one] * (1 - share) + slides[other] * share
        yield mixed.round().astype(np.uint8)
