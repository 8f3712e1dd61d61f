"""The fields of an ABC tune that say how its letters sound: key, meter, note length, tempo; and chord symbols.

ABC standard 2.1, section 3 (https://abcnotation.com/wiki/abc:standard:v2.1). Lengths are whole numbers of ``1 / WHOLE``
whole notes, in which triplets, quintuplets and septuplets down to 1/256 are exact.
"""

from __future__ import annotations

import re

from .notes import MusicError

UNITS_PER_TICK = 840
WHOLE = 96 * UNITS_PER_TICK
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ROOTS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FIFTHS = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}
MODES = {"": 0, "maj": 0, "ion": 0, "mix": -1, "dor": -2, "min": -3, "m": -3, "aeo": -3, "phr": -4, "loc": -5, "lyd": 1}
SIGNS = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}
KEY = re.compile(r"^([A-G])([#b]?)\s*([A-Za-z]*)")
CHORD_NAME = re.compile(r"^([A-G])([#b]?)\s*(maj|min|m|dim|aug|\+|o)?")


def key_signature(value: str, current: dict[str, int]) -> dict[str, int]:
    """Alteration of each letter under a ``K:`` field; ``current`` where the field names no key (only a clef)."""
    value = re.sub(r"%.*", "", value).strip()
    if value[:2] in {"HP", "Hp"}:
        return {"F": 1, "C": 1} if value[:2] == "Hp" else {}
    if value.lower().startswith("none"):
        return {}
    match = KEY.match(value)
    if match is None:
        return current if value else {}
    mode = match[3].lower()
    shift = MODES.get(mode[:3] if mode != "m" else "m", 0)
    fifths = FIFTHS[match[1]] + 7 * {"": 0, "#": 1, "b": -1}[match[2]] + shift
    sharps, flats = "FCGDAEB", "BEADGCF"
    signature = dict.fromkeys(sharps[: max(0, fifths)], 1) | dict.fromkeys(flats[: max(0, -fifths)], -1)
    for sign, letter in re.findall(r"(\^\^|\^|__|_|=)([A-Ga-g])", value[match.end() :]):
        signature[letter.upper()] = SIGNS[sign]
    return signature


def meter(value: str) -> tuple[int, int] | None:
    """Numerator and denominator of an ``M:`` field, None for free meter; raises ``MusicError`` on anything else."""
    value = re.sub(r"%.*", "", value).strip()
    if value in {"C", "c"}:
        return 4, 4
    if value in {"C|", "c|"}:
        return 2, 2
    if not value or value.lower() == "none":
        return None
    match = re.fullmatch(r"\(?\s*(\d{1,3}(?:\s*\+\s*\d{1,3})*)\s*\)?\s*/\s*(\d{1,3})", value)
    if match:
        numerator, denominator = sum(int(n) for n in match[1].split("+")), int(match[2])
        if 1 <= numerator <= 64 and denominator in {1, 2, 4, 8, 16, 32, 64}:
            return numerator, denominator
    raise MusicError(f"the meter {value[:20]!r} cannot be read; allowed are C, C|, none, or 1-64 over a power of two")


def unit_length(value: str) -> int:
    """The note length of an ``L:`` field in units; raises ``MusicError`` unless it is like 1/8."""
    match = re.match(r"\s*(\d{1,4})\s*(?:/\s*(\d{1,4}))?", value)
    if match and 0 < int(match[1]) <= 64 and 0 < int(match[2] or 1) <= 256:
        return WHOLE * int(match[1]) // int(match[2] or 1)
    raise MusicError(f"the note length L:{value.strip()[:20]!r} cannot be read; it must be like 1/8")


def tempo_bpm(value: str) -> float | None:
    """Quarters a minute of a ``Q:`` field, None where it gives no number.

    A bare number counts quarters, as abc2midi takes it; in the books here that gives danceable tempi.
    """
    value = re.sub(r"%.*|\"[^\"]*\"", "", value).strip()
    match = re.search(r"((?:\d{1,3}/\d{1,3}\s*){1,4})=\s*(\d{1,4}(?:\.\d+)?)", value)
    if match:
        beat = sum(int(a) / max(1, int(b)) for a, b in re.findall(r"(\d+)/(\d+)", match[1]))
        bpm = 4.0 * beat * float(match[2])
    elif match := re.match(r"(?:[A-G]\d*\s*=\s*)?(\d{1,4}(?:\.\d+)?)$", value):
        bpm = float(match[1])
    else:
        return None
    return bpm if 20.0 <= bpm <= 600.0 else None


def chord_name(text: str) -> str | None:
    """An ABC chord symbol ("Am7/E") as "A:min"; None where the text is an annotation."""
    match = CHORD_NAME.match(text.strip())
    if match is None or not re.fullmatch(
        r"[A-G][#b]?(maj|min|m|dim|aug|sus|add|\+|o|[0-9])*(/[A-G][#b]?)?", text.strip()
    ):
        return None
    root = (STEPS[match[1]] + {"": 0, "#": 1, "b": -1}[match[2]]) % 12
    quality = {"m": "min", "min": "min", "dim": "dim", "o": "dim"}.get(match[3] or "", "maj")
    return f"{ROOTS[root]}:{quality}"
