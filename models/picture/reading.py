"""Pictures from files: any size and mode becomes 96 x 96 pixels of RGB, whole, in the middle of a white square.

A film in a folder is a picture a second, in a folder for each of its shots.

A picture that is transparent stands on white, one that a camera turned is turned back, and one that is not square is
not cropped: what would be lost at its sides is often what it shows.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from models.music.tables import Names, TableError, read_table
from models.picture.film import FilmError, read_film

Pixels = npt.NDArray[np.uint8]

SIDE = 96
MOST_PIXELS = 56_000_000  # a phone's picture has 12 to 50 "million", which are up to 50,331,648
DRAFTED = 3  # times as many of a JPEG, of which only what is needed is decoded
HEIC = re.compile(rb"ftyp(hei[cxms]|hev[cxms]|mif1|msf1)")
MOST_BYTES = 100_000_000
# What Pillow raises on files that were cut or changed, depending on where
BROKEN = (
    OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, OverflowError, MemoryError,
    struct.error, zlib.error,
)  # fmt: skip
# what is opened at all, whatever a file is called: Pillow would hand others, such as EPS, to programs of the system
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".heic", ".heif"})
FILMS = frozenset({".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".ogv"})
FRAMES_A_SECOND = 1.0
METADATA = "metadata.csv"


class PictureError(ValueError):
    """A picture that can't be read; the message says in one line what it is and what is wrong with it."""


@dataclass(frozen=True)
class Picture:
    """One picture of a folder: its ``path`` below that, ``pixels`` ``(96, 96, 3)``, and what ``metadata.csv`` says."""

    path: str
    pixels: Pixels
    category: str | None = None
    title: str = ""


@dataclass(frozen=True)
class Folder:
    """The pictures of a folder in the order of their paths, and a line for each that can't be read or found."""

    pictures: list[Picture]
    unreadable: list[str] = field(default_factory=list)


def read_picture(source: Path | str | bytes) -> Pixels:
    """A picture from a file or its bytes, ``(96, 96, 3)``; raises ``PictureError`` with one line."""
    name = "the picture" if isinstance(source, bytes) else Path(source).name
    data = source if isinstance(source, bytes) else _bytes(Path(source), name)
    if not data:
        raise PictureError(f"{name} is empty")
    return _square(opened(data, name, 4 * SIDE))


def opened(data: bytes, name: str, side: int) -> Image.Image:
    """The picture in ``data``, turned as its camera meant it, at least ``side`` pixels large where it has as many.

    Raises ``PictureError`` with one line.
    """
    if HEIC.match(data[4:12]):
        raise PictureError(
            f"{name} is HEIC, as iPhones keep pictures; export it as JPEG, or choose “Most Compatible” for the camera"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own limit is above ours, and odd metadata does no harm
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                most = MOST_PIXELS * (DRAFTED if image.format in {"JPEG", "MPO"} else 1)
                if image.width * image.height <= most:
                    image.draft("RGB", (side, side))  # a JPEG is decoded small at once
                    return ImageOps.exif_transpose(image)
                size = f"{image.width} × {image.height}"
        except Image.DecompressionBombError as error:
            raise PictureError(f"{name} has too many pixels; make it smaller, or give a JPEG") from error
        except UnidentifiedImageError as error:
            raise PictureError(f"{name} is no picture that can be read; give PNG, JPEG, WebP or AVIF") from error
        except BROKEN as error:
            why = str(error).splitlines()[0] if str(error) else "cut off"
            raise PictureError(f"{name} is broken ({why})") from error
    raise PictureError(
        f"{name} has {size} pixels; {MOST_PIXELS // 1_000_000} million are read, of a JPEG "
        f"{DRAFTED * MOST_PIXELS // 1_000_000}: make it smaller"
    )


def read_folder(folder: Path) -> Folder:
    """Every picture in and below ``folder``, with category and title where its ``metadata.csv`` has them.

    And frames of its films; ``folder`` may be one film as well. Raises ``PictureError`` where there is no such folder
    or it holds no picture at all.
    """
    if folder.is_file() and folder.suffix.lower() in FILMS:
        return Folder(_frames(folder, folder.name))
    if not folder.is_dir():
        raise PictureError(f"{folder} is no folder, and no film")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES | FILMS and path.is_file())
    names = [path.relative_to(folder).as_posix() for path in paths]
    pictures, unreadable = list[Picture](), list[str]()
    told = _metadata(folder / METADATA, names, unreadable)
    for path, name in zip(paths, names, strict=True):
        category, title = told.get(name, (None, ""))
        try:
            if path.suffix.lower() in FILMS:
                pictures += _frames(path, name, category)
                continue
            pictures.append(Picture(name, read_picture(path), category, title or path.stem.replace("_", " ")))
        except PictureError as error:
            unreadable.append(f"{name}: {error}")
    if not pictures:
        looked_for = ", ".join(sorted(SUFFIXES | FILMS))
        raise PictureError(f"{folder} has no picture that can be read; {looked_for} are looked for")
    return Folder(pictures, unreadable)


def _frames(path: Path, name: str, category: str | None = None) -> list[Picture]:
    """A frame a second of a film, in a folder for each shot, since those of one shot are much alike."""
    try:
        film = read_film(path, a_second=FRAMES_A_SECOND)
    except FilmError as error:
        raise PictureError(str(error)) from error
    shots = np.searchsorted(film.cuts_s, film.times_s, side="right")
    return [
        Picture(f"{name}/shot-{shot:04d}/frame-{round(time):05d}", frame, category, f"{path.stem}, {round(time)} s")
        for shot, time, frame in zip(shots.tolist(), film.times_s.tolist(), film.frames, strict=True)
    ]


def _bytes(path: Path, name: str) -> bytes:
    if not path.is_file():
        raise PictureError(f"there is no file {path}")
    if path.stat().st_size > MOST_BYTES:
        raise PictureError(f"{name} is larger than {MOST_BYTES // 1_000_000} MB")
    return path.read_bytes()


def in_eight_bits(image: Image.Image) -> Image.Image:
    """What has 16 or more bits a pixel keeps its upper ones; ``convert`` alone makes white of all but the darkest."""
    if not image.mode.startswith(("I", "F")):
        return image
    levels = np.asarray(image, dtype=np.float64)
    most = 255.0 if levels.max(initial=0) <= 255 else 65535.0
    return Image.fromarray((np.clip(levels / most, 0, 1) * 255).astype(np.uint8))


def _square(image: Image.Image) -> Pixels:
    """The picture on white, as large as fits."""
    image = in_eight_bits(image)
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        layered = image.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        image = Image.alpha_composite(white, layered)
    image = image.convert("RGB")
    scale = SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)
    square = Image.new("RGB", (SIDE, SIDE), "white")
    square.paste(image, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return np.array(square)


def _metadata(path: Path, names: Iterable[str], problems: list[str]) -> dict[str, tuple[str | None, str]]:
    """Category and title of each file that the table knows; a line for what can't be used of it."""
    if not path.is_file():
        return {}
    try:
        table = read_table(path)
        table.require(["path"])
    except TableError as error:
        problems.append(f"{METADATA}: {error}; it is a CSV with path, category and title")
        return {}
    files, told, lost = Names(names), dict[str, tuple[str | None, str]](), list[str]()
    for row in table.rows:
        if (name := files.find(row["path"])) is not None:
            told[name] = (row.get("category") or None, row.get("title", ""))
        else:
            lost.append(row["path"])
    if lost:
        problems.append(f"{METADATA}: {len(lost)} rows name no picture that is there, such as {lost[0]!r}")
    return told
