"""The fields of an ABC tune that say how its letters sound: key, meter, note length, tempo; and chord symbols.

ABC standard 2.1, section 3 (https://abcnotation.com/wiki/abc:standard:v2.1). Lengths are whole numbers of ``1 / WHOLE``
whole notes, in which triplets, quintuplets and septuplets down to 1/256 are exact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from .notes import MusicError

UNITS_PER_TICK = 840
WHOLE = 96 * UNITS_PER_TICK
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ROOTS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FIFTHS = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}
MODES = {"": 0, "maj": 0, "ion": 0, "mix": -1, "dor": -2, "min": -3, "m": -3, "aeo": -3, "phr": -4, "loc": -5, "lyd": 1}
SIGNS = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}
FIELD = re.compile(r"^([A-Za-z]):(?![|:\]])\s*(.*)$")  # "A:|" is a note at the end of a repeat
KEY = re.compile(r"^([A-G])([#b]?)\s*([A-Za-z]*)")
ALTERED = re.compile(r"(\^\^|\^|__|_|=)([A-Ga-g])")
MORE_ALTERED = re.compile(r"(?<!\S)(?:(?:\^\^|\^|__|_|=)[A-Ga-g])+(?!\S)")
NAMES = re.compile(r"\b(?:nm|snm|name|sname|subname)=\"[^\"]*\"")
CLEFS = "treble|soprano|mezzosoprano|alto|tenor|baritone|bass|perc"
CLEF = re.compile(rf'(?<!\S)((?:clef=\s*"?(?:{CLEFS}|none|[GCFP])|{CLEFS})\d?)(?:([+^_-])(8|15))?(?![^\s"])')
SHIFT = re.compile(r"(?<!\S)(octave|transpose|t)=([+-]?\d{1,2})(?!\S)")
PERCUSSION = re.compile(r"^(?:%%|I:)\s*MIDI[\s=]+channel\s+10\b")
COMMON, CUT, FREE = {"c", "common", "common time"}, {"c|", "cut", "cut time", "alla breve"}, {"", "none", "free"}
CHORD_NAME = re.compile(r"^([A-G])([#b]?)\s*(maj|min|m|dim|aug|\+|o)?")


def field_of(line: str) -> re.Match[str] | None:
    """The letter and the value of a line that is an information field, whichever it is; None for music."""
    return FIELD.match(line)


@dataclass(frozen=True)
class Clef:
    """What a clef and its modifiers do to what is written: octaves by the clef and by ``octave=``, semitones."""

    marked: int = 0  # octaves of "treble-8"
    octave: int = 0
    transpose: int = 0
    percussion: bool = False

    @property
    def semitones(self) -> int:
        """How much higher it sounds than it is written."""
        return 12 * (self.marked + self.octave) + self.transpose

    def told(self, value: str) -> Clef:
        """With what a ``K:`` or ``V:`` field changes: "clef=treble-8", "bass", "octave=-1", "transpose=2"."""
        value, found = NAMES.sub("", value), self
        for name, sign, size in CLEF.findall(value):
            octaves = (2 if size == "15" else 1) if size else 0
            marked = -octaves if sign in {"-", "_"} else octaves
            found = replace(found, marked=marked, percussion="perc" in name or name == "clef=P")
        for name, by in SHIFT.findall(value):
            found = replace(found, octave=int(by)) if name == "octave" else replace(found, transpose=int(by))
        return found


def key_signature(value: str, current: dict[str, int]) -> dict[str, int]:
    """Alteration of each letter under a ``K:`` field; ``current`` where the field names no key (only a clef)."""
    value = re.sub(r"%.*", "", value).strip().replace("♯", "#").replace("♭", "b")
    more = {
        letter.upper(): SIGNS[sign] for group in MORE_ALTERED.findall(value) for sign, letter in ALTERED.findall(group)
    }
    if value[:2] in {"HP", "Hp"}:
        return {"F": 1, "C": 1} if value[:2] == "Hp" else {}
    if value.lower().startswith("none") or re.match(r"(?:[A-G][#b]?\s*)?exp\b", value):
        return more
    match = KEY.match(value)
    if match is None:
        return current if value else {}
    mode = match[3].lower()
    shift = MODES.get(mode[:3] if mode != "m" else "m", 0)
    fifths = FIFTHS[match[1]] + 7 * {"": 0, "#": 1, "b": -1}[match[2]] + shift
    sharps, flats = "FCGDAEB", "BEADGCF"
    signature = dict.fromkeys(sharps[: max(0, fifths)], 1) | dict.fromkeys(flats[: max(0, -fifths)], -1)
    return signature | more


def meter(value: str) -> tuple[int, int] | None:
    """Numerator and denominator of an ``M:`` field, of a sum in all, None for free meter; ``MusicError`` on others."""
    value = re.sub(r"%.*|\"[^\"]*\"", "", value).strip()
    if value.lower() in COMMON:
        return 4, 4
    if value.lower() in CUT:
        return 2, 2
    if value.lower() in FREE:
        return None
    parts = re.findall(r"((?:\d{1,3}\+){0,16}\d{1,3})/(\d{1,3})(?:\+|$)", re.sub(r"[\s()]", "", value))
    if parts and "".join(f"{above}/{below}+" for above, below in parts)[:-1] == re.sub(r"[\s()]", "", value):
        denominator = max(int(below) for _, below in parts)
        beats = [(sum(int(n) for n in above.split("+")), int(below)) for above, below in parts]
        if denominator <= 64 and all(below and not below & (below - 1) for _, below in beats):
            numerator = sum(above * denominator // below for above, below in beats)
            if 1 <= numerator <= 64:
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
