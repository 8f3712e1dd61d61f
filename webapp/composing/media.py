"""Where a clip's sound, notes or picture is found, and what a picture's file may hold.

Browsers keep sound for good, so the address tells how clips are played. The file of a picture is an SVG of a drawing,
or the PNG of one that is older than these; nothing else is shown.
"""

from __future__ import annotations

import io
import re
import uuid
from urllib.parse import urlencode
from xml.etree import ElementTree

from PIL import Image

from models.style.performance import touch

SVG, PNG = ".svg", ".png"
MEDIA = {SVG: "image/svg+xml", PNG: "image/png"}
LARGE = 1024  # pixels along each side of what is taken along
# Whoever opens an SVG by its address sees a document: it may run, load and show nothing but itself
ALONE = {"Content-Security-Policy": "default-src 'none'; sandbox"}
SPACE = "{http://www.w3.org/2000/svg}"
ELEMENTS = {
    f"{SPACE}{name}" for name in ("svg", "defs", "g", "path", "rect", "linearGradient", "radialGradient", "stop")
}
ATTRIBUTES = {
    "viewBox", "width", "height", "d", "id", "transform", "offset", "cx", "cy", "r", "x", "y", "rx", "x1", "y1", "x2",
    "y2", "gradientUnits", "gradientTransform", "fill", "fill-opacity", "fill-rule", "stroke", "stroke-opacity",
    "stroke-width", "stroke-linecap", "stroke-linejoin", "stop-color", "stop-opacity",
}  # fmt: skip
FORBIDDEN = (b"<!", b"<?", b"&")  # no document types, programs or entities
LINK = re.compile(r"url\(#\w+\)")
# A shipped drawing has up to 42 kB, 284 elements and 8,000 numbers. Whoever sends more, or nests it, wants it drawn: a
# thousand groups in each other end the process that draws them, and 40,000 points take it a minute.
MOST_BYTES, MOST_ELEMENTS, MOST_DEEP = 64_000, 600, 6


def of_clip(clip_id: uuid.UUID | str, seconds: float) -> str:
    """The address of a clip at one length, with ``{}`` where ``audio`` or ``notes`` is to stand."""
    return f"/api/clips/{clip_id}/{{}}/{seconds:g}{played()}"


def of_picture(clip_id: uuid.UUID | str) -> str:
    """The address of a clip that is a picture."""
    return f"/api/clips/{clip_id}/image"


def played(**more: str) -> str:
    """What stands behind the address of a sound, with what ``more`` it asks for."""
    return f"?{urlencode({**more, 'playing': touch.version()})}"


def opened_by(address: str, key: str) -> str:
    """The address of a sound or of notes with the key that opens them without a listener's token."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode({'key': key})}"


def ending(image: bytes) -> str:
    """``.svg`` or ``.png``; raises ``ValueError`` for what is neither, or no drawing of Kallos."""
    if image.startswith(b"\x89PNG"):
        return PNG
    if is_drawing(image):
        return SVG
    raise ValueError("this file is no picture that Kallos has drawn")


def is_drawing(image: bytes) -> bool:
    """Whether an SVG has paths, squares and gradients alone, whoever wrote it: no script, style sheet or address."""
    if not image.startswith(b"<svg") or len(image) > MOST_BYTES or any(each in image for each in FORBIDDEN):
        return False
    try:
        root = ElementTree.fromstring(image)  # noqa: S314 (bounded, and without document types)
    except ElementTree.ParseError:
        return False
    level, every = [root], [root]
    for _ in range(MOST_DEEP):
        level = [child for each in level for child in each]
        every += level
    if any(len(each) for each in level) or len(every) > MOST_ELEMENTS:
        return False
    return all(each.tag in ELEMENTS and not set(each.attrib) - ATTRIBUTES and _loads_nothing(each) for each in every)


def _loads_nothing(element: ElementTree.Element) -> bool:
    """Whether its attributes name nothing but its own file's gradients."""
    values = (value for name, value in element.attrib.items() if name not in {"transform", "gradientTransform"})
    return all(LINK.fullmatch(value) or not set("(\\") & set(value) for value in values)


def as_png(image: bytes) -> bytes:
    """A picture as PNG, a drawing large."""
    if ending(image) == PNG:
        return image
    from models.picture.vector import rendered  # noqa: PLC0415 (a renderer, where one is taken along)

    file = io.BytesIO()
    Image.fromarray(rendered(image.decode(), LARGE)).save(file, "PNG", optimize=True)
    return file.getvalue()
