"""A draft: a clip as its latents and its notes, and files of drafts; what may stay of a piece; what one may ask for."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

import models
from models.music.notes import Domain, Piece
from models.style.latents import GROUPS, STYLE_GROUPS, TOLD_GROUPS, TUNE, Latents

BEFORE = "bars_before"  # in the latents' ``piece``
GUIDANCE = 1.5
MOST_TIMES = 16
# A writer doesn't hear the notes of bars ahead. So where bars stay behind new ones, or a melody above them, it writes
# so often, and what stays says which fits: of 70 and 99 validation clips of dance and pop .74 and .69 are told of one,
# .64 and .68 of four, .64 and .63 of eight; with a melody .90 and .63 of one, .70 and .62 of eight. Chorales are chosen
# from five by their part writing already
HELD_TIMES: Mapping[Domain, int] = {"pop": 8, "dance": 8, "chorale": 2}
MOST_DOUBT = 1.0  # as in training
DRAWN_BY = ("temperature", "nucleus")

# Chosen on validation clips
TUNE_TIMES = 8
TUNE_GUIDANCE, TUNE_TEMPERATURE = 2.0, 0.8
# Of the styles: told surely they are played in place of the tune. Of 50 and 60 validation clips of pop and dance the
# tune is found first in .52 and .80 with none, in .54 and .92 with .5, in .78 and .93 with 1
TUNE_DOUBT = 0.7
ANEW_GUIDANCE, ANEW_TEMPERATURE = 1.5, 1.0
# Of the harmony below a melody that stays: of 99 validation clips of pop .60 are told with .7, .67 with 1, .76 untold
MELODY_DOUBT = 0.7
FEW = 2  # styles at most, borrowed of elsewhere, that are guided by: more of them agree with each other
FEW_GUIDANCE = 1.5


@dataclass(frozen=True)
class Draft:
    """Latents of eight bars, and the ``notes`` that they were encoded from where a piece model wrote these.

    ``name``: in the bank that it was taken from.
    """

    latents: Latents
    notes: Piece | None = None
    name: str = ""

    @property
    def opens(self) -> bool:
        """Whether a piece may begin with it: it wasn't written as what comes after bars that nobody wrote."""
        return not self.latents.piece.get(BEFORE)

    def to_json(self) -> dict[str, Any]:
        """As it is sent and stored."""
        named = {"name": self.name} if self.name else {}
        return {"latents": self.latents.to_json(), "notes": self.notes and self.notes.to_json(), **named}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Draft:
        """Read what ``to_json`` wrote; raises ``ValueError``, ``KeyError`` or ``MusicError`` on anything else."""
        notes = data["notes"]
        latents = Latents.from_json(data["latents"])
        return cls(latents, None if notes is None else Piece.from_json(notes), str(data.get("name", "")))


@dataclass(frozen=True)
class Locks:
    """``bars`` (counted from 0) and the melody stay note for note; harmony and rhythm stay as latents."""

    bars: tuple[int, ...] = ()
    melody: bool = False
    harmony: bool = False
    rhythm: bool = False

    @property
    def notes_stay(self) -> bool:
        """Whether any note stays, so that notes have to be given."""
        return bool(self.bars) or self.melody

    @property
    def groups(self) -> tuple[str, ...]:
        """Latent groups that stay in every bar; a melody's shape lies in the content."""
        held = {"content": self.melody, "harmony": self.harmony, "rhythm": self.rhythm}
        return tuple(name for name, stays in held.items() if stays)


@dataclass(frozen=True)
class Ask:
    """Music with these ``latents``, of which the ``groups`` are told, and ``guided`` ones count ``guidance`` times.

    ``tune``: notes of as many bars whose top line is told as well. Of these notes the bars ``held`` stay as they are,
    and with ``melody`` the highest ones, below which the others are written. It is written so many ``times``; the one
    is taken in which what stays is likeliest or, where nothing does, whose own top line is most like the tune. What is
    told of bars that aren't held is doubted, the more the less is to be kept (``keep``): at 0 nothing is told but the
    groups that are ``sure``. ``doubted``: groups that are told with so much noise, in their deviations.
    ``temperature``: by which logits are divided, ``nucleus``: the share of the likeliest that is drawn from; None: as
    the writer's card says.
    """

    latents: Latents
    tune: Piece | None = None
    groups: tuple[str, ...] = TOLD_GROUPS
    guided: tuple[str, ...] = STYLE_GROUPS
    guidance: float = GUIDANCE
    times: int = 1
    held: tuple[int, ...] = ()
    melody: bool = False
    sure: tuple[str, ...] = ()
    keep: float = 1.0
    temperature: float | None = None
    nucleus: float | None = None
    doubted: Mapping[str, float] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether some notes stay."""
        return bool(self.held) or self.melody

    def to_json(self) -> dict[str, Any]:
        """As it is sent."""
        tune = self.tune and self.tune.to_json()
        kept = {"groups": list(self.groups), "guided": list(self.guided), "guidance": self.guidance}
        anew = {
            "held": list(self.held),
            "melody": self.melody,
            "sure": list(self.sure),
            "keep": self.keep,
            "temperature": self.temperature,
            "nucleus": self.nucleus,
            "doubted": dict(self.doubted),
        }
        return {"latents": self.latents.to_json(), "tune": tune, **kept, "times": self.times, **anew}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Ask:
        """What ``to_json`` gave; raises ``ValueError``, ``KeyError`` or ``MusicError`` on anything else."""
        groups, guided, sure = (tuple(map(str, data.get(name, ()))) for name in ("groups", "guided", "sure"))
        doubted = {str(name): float(by) for name, by in data.get("doubted", {}).items()}
        if unknown := sorted({*groups, *guided, *sure, *doubted} - {*TOLD_GROUPS}):
            raise ValueError(f"groups {unknown} were asked for; there are {list(TOLD_GROUPS)}")
        tune = None if data["tune"] is None else Piece.from_json(data["tune"])
        if not 1 <= (times := int(data.get("times", 1))) <= MOST_TIMES:
            raise ValueError(f"something is to be written {times} times; 1 to {MOST_TIMES} are allowed")
        if not 0 <= (keep := float(data.get("keep", 1))) <= 1:
            raise ValueError(f"{keep} is to be kept; 0 (nothing) to 1 (all) is allowed")
        if wrong := sorted(name for name, by in doubted.items() if not 0 <= by <= MOST_DOUBT):
            raise ValueError(f"groups {wrong} are to be doubted; 0 to {MOST_DOUBT} is allowed")
        heat, nucleus = (None if (value := data.get(name)) is None else float(value) for name in DRAWN_BY)
        return cls(
            Latents.from_json(data["latents"]), tune, groups, guided, float(data["guidance"]), times,
            tuple(map(int, data.get("held", ()))), bool(data.get("melody")), sure, keep, heat, nucleus, doubted,
        )  # fmt: skip


def asked_for(latents: Latents, notes: Piece | None, borrowed: Collection[str]) -> Ask:
    """To ask for ``latents``, of which some styles are ``borrowed``; for the tune of the ``notes`` where all are."""
    if notes is not None and set(STYLE_GROUPS) <= set(borrowed):
        return tune_in_styles(latents, notes)
    return as_latents_say(latents, notes, borrowed)


def tune_in_styles(latents: Latents, tune: Piece) -> Ask:
    """To ask for a ``tune`` in the styles of ``latents``: of several tries the one that keeps it best."""
    return Ask(
        latents, tune, guided=("content", TUNE), guidance=TUNE_GUIDANCE, times=TUNE_TIMES,
        temperature=TUNE_TEMPERATURE, doubted=dict.fromkeys(STYLE_GROUPS, TUNE_DOUBT),
    )  # fmt: skip


def as_latents_say(latents: Latents, notes: Piece | None = None, borrowed: Collection[str] = ()) -> Ask:
    """To ask for what ``latents`` say, of which some styles are ``borrowed``; the tune of the ``notes`` stays.

    Where texture is, content is not told beside that tune: it knows how thick the music was. With it the other's
    texture comes in .52 (Spearman, 60 validation clips of pop), without in .88.
    """
    guided = tuple(borrowed) if len(borrowed) <= FEW else ()
    lines = notes is None or "texture" not in guided
    groups = TOLD_GROUPS if lines else tuple(group for group in TOLD_GROUPS if group != "content")
    guidance = FEW_GUIDANCE if guided else 1.0
    return Ask(latents, notes, groups, guided, guidance, temperature=ANEW_TEMPERATURE)


def around_locked(
    domain: Domain, latents: Latents, notes: Piece | None, locks: Locks, *, borrowed: Collection[str], keep: float
) -> Ask:
    """To ask for music like ``notes``, with these ``latents``, of which ``locks`` hold some and the rest is written.

    The less is to be kept of the rest (``keep``, 0 to 1), the less alike it is. What is ``borrowed`` is told surely.
    The melody comes last at each onset. So that it isn't harmonised blindly, its harmony is told as well, in doubt.
    """
    sure, doubted = tuple(dict.fromkeys((*locks.groups, *borrowed))), {}
    if locks.melody:
        if "harmony" not in sure:
            doubted = {"harmony": min(MELODY_DOUBT, 1 - keep)}
        sure = tuple(dict.fromkeys((*sure, TUNE, "register", "harmony")))
    guided = TOLD_GROUPS if keep else tuple(borrowed) if len(borrowed) <= FEW else ()
    ahead = any(bar - 1 not in locks.bars for bar in locks.bars if bar)  # some stay behind one that doesn't
    return Ask(
        latents, notes, guided=guided, guidance=ANEW_GUIDANCE if guided else 1.0, held=locks.bars,
        times=HELD_TIMES[domain] if ahead or locks.melody else 1, melody=locks.melody, sure=sure, keep=keep,
        temperature=ANEW_TEMPERATURE, doubted=doubted,
    )  # fmt: skip


FIRST = Path(models.__file__).parent / "weights" / "drafts"  # a file for each domain, and a card
ENDING = ".safetensors"


def save_drafts(path: Path, drafts: Sequence[Draft]) -> None:
    """Write drafts of one model, about 4.5 kB each."""
    arrays = {group: np.stack([each.latents.groups[group] for each in drafts]) for group in GROUPS}
    about = {
        "pieces": [dict(each.latents.piece) for each in drafts],
        "notes": [each.notes and each.notes.to_json() for each in drafts],
    }
    save_file(arrays, path, {name: json.dumps(values) for name, values in about.items()})


def load_drafts(path: Path, version: str) -> list[Draft]:
    """Drafts of a style model's ``version``, which the file doesn't say.

    Raises ``FileNotFoundError`` where there is no file, ``ValueError`` where it is not of drafts.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            pieces, notes = (json.loads(file.metadata()[name]) for name in ("pieces", "notes"))
            groups = {name: file.get_tensor(name) for name in GROUPS}
        return [
            Draft(
                Latents(version, {name: groups[name][place] for name in GROUPS}, piece),
                written and Piece.from_json(written),
            )
            for place, (piece, written) in enumerate(zip(pieces, notes, strict=True))
        ]
    except FileNotFoundError:
        raise
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} can't be read as drafts: {error}") from error


def first_drafts(domain: Domain, version: str, folder: Path = FIRST) -> list[Draft]:
    """The drafts that come with the weights; none where these are of another ``version`` of the style model.

    Raises ``ValueError`` where a file of them can't be read.
    """
    try:
        card = json.loads((folder / "card.json").read_text())
        return load_drafts(folder / f"{domain}{ENDING}", version) if card["version"] == version else []
    except FileNotFoundError:
        return []
