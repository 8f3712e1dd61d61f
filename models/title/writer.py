"""A title written for a melody letter by letter: a small recurrent network of characters.

A GRU (Cho et al. 2014) reads the letters so far (``titles.spelled``) and, at each of them, a vector of the melody
(``melody_encoders``), and says which letter comes next. In training a melody is now and then left out, so the same
network knows titles of no melody. What a melody adds is the difference in nats, and it can be made stronger
(classifier-free guidance: Ho & Salimans 2022).

``ideas`` is what people read: of many titles that were written for a tune, those made of known words that nobody gave a
tune before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional as F

from models.style.bundle import BundleFormat
from models.title.melody_encoders import LinearEncoder, MelodyConfig, padded
from models.title.tunes import ALPHABET, KINDS, LETTERS, LONGEST_TITLE, SYMBOLS, Tune, spelled
from models.title.two_tower import melody_encoder

EDGE = 0  # before the first letter and after the last
AT_ONCE = 256  # tunes
WRITTEN, CANDIDATES = 192, 64  # titles that are written for a tune, and those that are left to choose from, at most
SMALL_WORDS = frozenset(("a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"))
DEFAULT = "title-writer-cpu"
FORMAT = BundleFormat("writer", "writer of titles", "python -m models.train.titles --writer makes one, in OUT/writer")


@dataclass(frozen=True)
class WriterConfig:
    """``width``: of a letter's vector; ``hidden``: of the GRU; ``temperature`` and ``guidance``: how titles are drawn.

    With a ``guidance`` of 0 the melody says as much as it taught the network, with 1 twice as much.
    """

    melody: MelodyConfig = field(default_factory=MelodyConfig)
    width: int = 32
    hidden: int = 256
    dropout: float = 0.45
    temperature: float = 0.5
    guidance: float = 1.0


class TitleWriter(nn.Module):
    """What comes next in a title, from its letters so far and a melody."""

    def __init__(self, config: WriterConfig) -> None:
        super().__init__()
        self.config, dim = config, config.melody.dim
        self.melody = melody_encoder(config.melody)
        if isinstance(self.melody, LinearEncoder):
            self.melody.whiten.requires_grad_(False)  # noqa: FBT003 (torch's own)
        self.unknown = nn.Parameter(torch.zeros(dim))
        self.embed = nn.Embedding(SYMBOLS, config.width)
        self.gru = nn.GRU(config.width + dim, config.hidden, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(config.hidden, SYMBOLS)

    def forward(self, melody: Tensor, letters: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits of the next letter ``(titles, n, SYMBOLS)`` and the last state.

        From vectors of melodies ``(titles, dim)`` and letters int64 ``(titles, n)``.
        """
        x = torch.cat([self.dropout(self.embed(letters)), melody[:, None].expand(-1, letters.shape[1], -1)], -1)
        states, last = self.gru(x, state)
        logits: Tensor = self.out(self.dropout(states))
        return logits, last

    def nats(self, melody: Tensor, titles: Sequence[str]) -> tuple[Tensor, Tensor]:
        """-log p of each title with its end ``(titles,)``, and how many letters that is, from ``(titles, dim)``."""
        letters = spelled_letters(titles).to(melody.device)
        logits, _ = self(melody, letters[:, :-1].clamp(min=EDGE))
        losses = F.cross_entropy(logits.transpose(1, 2), letters[:, 1:].clamp(min=EDGE), reduction="none")
        there = letters[:, 1:] >= 0
        return (losses * there).sum(1), there.sum(1)

    @torch.inference_mode()
    def melodies(self, tunes: Sequence[Tune]) -> Tensor:
        """Vectors of tunes ``(tunes, dim)``; call it in eval mode."""
        parts = [padded([tune.notes for tune in tunes[i : i + AT_ONCE]]) for i in range(0, len(tunes), AT_ONCE)]
        return torch.cat([self.melody(notes.to(self.unknown.device)) for notes in parts])

    def no_melodies(self, count: int) -> Tensor:
        """What stands for a melody that nobody knows, ``(count, dim)``."""
        return self.unknown.expand(count, -1)

    @torch.inference_mode()
    def write(self, melody: Tensor, generator: torch.Generator) -> list[str]:
        """A title for each vector ``(titles, dim)``, at most ``LONGEST_TITLE`` letters; call it in eval mode.

        What the melody says of a letter, log p(letter | melody) - log p(letter), counts ``1 + guidance`` times.
        """
        count, guidance = len(melody), self.config.guidance
        written = torch.full((count, LONGEST_TITLE + 1), EDGE)
        going = torch.arange(count)
        both = torch.cat([melody, self.no_melodies(count)])
        state: Tensor | None = None
        for place in range(LONGEST_TITLE):
            rows = torch.cat([going, going + count])
            logits, state = self(both[rows], written[going, place].repeat(2)[:, None], state)
            own, without = logits[:, 0].log_softmax(-1).chunk(2)
            guided = (own + guidance * (own - without)) / self.config.temperature
            if place == 0:
                guided[:, EDGE] = -torch.inf  # a title has a letter
            letter = torch.multinomial(guided.softmax(-1), 1, generator=generator)[:, 0]
            written[going, place + 1] = letter
            on = letter != EDGE
            going, state = going[on], state[:, on.repeat(2)]
            if len(going) == 0:
                break
        return [" ".join(_letters(row).split()) for row in written.tolist()]


def spelled_letters(titles: Sequence[str]) -> Tensor:
    """Titles as int64 ``(titles, n)``: ``EDGE``, letters as in ``titles.LETTERS``, ``EDGE``, and -1 for padding."""
    rows = [[EDGE, *(LETTERS[c] for c in spelled(title)[: LONGEST_TITLE - 1]), EDGE] for title in titles]
    length = max(map(len, rows))
    return torch.tensor([row + [-1] * (length - len(row)) for row in rows], dtype=torch.int64)


def _letters(row: Sequence[int]) -> str:
    """What was written after the first edge and before the next."""
    return "".join(ALPHABET[each - 1] if each != EDGE else "\n" for each in row[1:]).partition("\n")[0]


def written_for(writer: TitleWriter, tunes: Sequence[Tune], count: int, seed: int) -> list[list[str]]:
    """``count`` titles for each tune in small letters, the same again for the same seed; ``writer`` in eval mode."""
    melody = writer.melodies(tunes).repeat_interleave(count, 0)
    written = writer.write(melody, torch.Generator().manual_seed(seed))
    return [written[begin : begin + count] for begin in range(0, len(written), count)]


@dataclass(frozen=True)
class Known:
    """Titles that tunes have had, as printed and as ``spelled``, and the words of the latter."""

    printed: tuple[str, ...]
    titles: frozenset[str]
    words: frozenset[str]

    @classmethod
    def of(cls, printed: Iterable[str]) -> Known:
        """From titles as they are printed."""
        each = tuple(dict.fromkeys(printed))
        small = frozenset(map(spelled, each))
        return cls(each, small, frozenset(word for title in small for word in title.split()))

    def share(self, title: str) -> float:
        """The share of the words of a title, as ``spelled``, that are known."""
        return float(np.mean([word in self.words for word in title.split()] or [False]))


def ideas(written: Sequence[str], known: Known) -> list[str]:
    """Of the titles that were written, as ``spelled``, each once that no tune had: those of known words alone.

    All of them where each has a word that is not known; of more than ``CANDIDATES`` the first. As with recombined
    halves, none says what kind of tune it is: that is not known.
    """
    new = [title for title in dict.fromkeys(written) if title not in known.titles and not KINDS.search(title)]
    return ([title for title in new if known.share(title) == 1] or new)[:CANDIDATES]


def capitalised(title: str) -> str:
    """A title in small letters as it is printed: "the piper o'brien of mccabe" → "The Piper O'Brien of McCabe"."""
    words = title.split()
    return " ".join(
        word if place and word in SMALL_WORDS else re.sub(r"^(?:mc|o'|d')?[a-z]|(?<=-)[a-z]", _raised, word)
        for place, word in enumerate(words)
    )


def _raised(found: re.Match[str]) -> str:
    """The first letter of a word, and of a name after "Mc" or "O'", as a capital."""
    text = found[0]
    return text[0].upper() + (text[1:-1] + text[-1].upper() if len(text) > 1 else "")


@dataclass(frozen=True)
class WriterBundle:
    """A writer in eval mode, its card, and the names of the tunes that were held out by part."""

    writer: TitleWriter
    card: Mapping[str, Any]
    held_out: Mapping[str, Sequence[str]]

    @property
    def version(self) -> str:
        """Changes with the weights."""
        return str(self.card["version"])


def save_writer(
    folder: Path, writer: TitleWriter, card: Mapping[str, Any], held_out: Mapping[str, Sequence[str]]
) -> None:
    """Write ``writer.safetensors``, ``held_out.json`` and, last, ``card.json`` into ``folder``."""
    weights = {name: value.detach().cpu().half().contiguous() for name, value in writer.state_dict().items()}
    kept = {part: sorted(names) for part, names in held_out.items()}
    FORMAT.save(folder, save(weights), {**card, "config": asdict(writer.config)}, held_out=kept)


def load_writer(name_or_path: str | Path = DEFAULT) -> WriterBundle:
    """Load the shipped writer or your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(name_or_path) as found:
        data = found.card["config"]
        melody = MelodyConfig(**{**data["melody"], "without": tuple(data["melody"]["without"])})
        writer = TitleWriter(WriterConfig(**{**data, "melody": melody}))
        weights = {name: value.float() for name, value in load_file(found.weights).items()}
        writer.load_state_dict(weights, strict=True)
    return WriterBundle(writer.eval(), found.card, found.held_out())
