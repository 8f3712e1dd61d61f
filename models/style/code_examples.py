"""Real pieces by the values of their style codes: ``code_examples.json`` in a model's folder, read without torch.

Only names are kept, of collections that may be played; the notes are read again where the collections are. With them
lies how often each value is met in each kind of music, and how much of a code each thing that has a name explains.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from models.style.latents import CODE_COUNT, CODE_LEVELS

FILE, FORMAT = "code_examples.json", 1
PARTS = ("examples", "ties", "met")
ABOUT = ("version", "sha256", "data", "commit", "seed")
FILL = "python -m models.evaluate.code_examples --save"


@dataclass(frozen=True)
class Example:
    """A piece of which the first eight whole bars have this value, 0 to 4, of a style code, 1 to 4."""

    domain: str
    code: int
    level: int
    piece_id: str
    title: str

    def __post_init__(self) -> None:
        if not (1 <= self.code <= CODE_COUNT and 0 <= self.level < CODE_LEVELS):
            raise ValueError(f"code {self.code} at {self.level} was given; there are {CODE_COUNT} of {CODE_LEVELS}")


@dataclass(frozen=True)
class Tie:
    """The ``share`` of a code's variance within a kind of music that ``name`` explains, in groups or five bands.

    ``chance``: the mean share, and ``most`` the 95th percentile, of groups shuffled.
    """

    domain: str
    code: int
    name: str
    share: float
    chance: float
    most: float


@dataclass(frozen=True)
class CodeExamples:
    """Examples, and what they were chosen by: the keys of ``ABOUT``; ``met``: domain → code → share of each value."""

    about: Mapping[str, Any]
    examples: tuple[Example, ...]
    ties: tuple[Tie, ...] = ()
    met: Mapping[str, Sequence[Sequence[float]]] = field(default_factory=dict)

    def save(self, folder: Path) -> Path:
        """Write ``code_examples.json`` into a model's folder."""
        rows: dict[str, Sequence[Example | Tie]] = {"examples": self.examples, "ties": self.ties}
        lists = {name: ",\n".join(json.dumps(asdict(each), ensure_ascii=False) for each in rows[name]) for name in rows}
        told = json.dumps({"format": FORMAT, **self.about, "met": self.met}, allow_nan=False)[:-1]
        path = folder / FILE
        path.write_text(
            told + "".join(f',\n"{name}": [\n{lines}\n]' for name, lines in lists.items()) + "}\n", encoding="utf-8"
        )
        return path

    @classmethod
    def load(cls, folder: Path) -> CodeExamples | None:
        """What ``save`` wrote, None where nothing was; raises ``ValueError`` on anything else."""
        path = folder / FILE
        if not path.exists():
            return None
        try:
            return cls._read(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path.name} can't be read ({error}); {FILL} writes it again") from error

    @classmethod
    def _read(cls, told: dict[str, Any]) -> CodeExamples:
        if told.pop("format") != FORMAT or set(told) != {*ABOUT, *PARTS}:
            raise ValueError(f"its format must be {FORMAT} and its keys {', '.join((*ABOUT, *PARTS))}")
        examples, ties, met = (told[name] for name in PARTS)
        about = {name: told[name] for name in ABOUT}
        return cls(about, tuple(Example(**each) for each in examples), tuple(Tie(**each) for each in ties), met)
