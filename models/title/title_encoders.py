"""Encoders of a title by its characters: CNN (after Kim 2014 and Zhang et al. 2015), RNN, and a bag of n-grams.

The bag is fastText's (Bojanowski et al. 2017): hashed strings of 2 to 5 letters and whole words, each with a vector,
and their mean.

A small pretrained sentence encoder is optional: the mean of its tokens' vectors for each title. The vectors are
WordLlama's, taken from the token embeddings of large language models (pip install kallos[sentence], MIT licence). They
are read from that package's own files, so nothing is downloaded and none of its code runs.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.title.tunes import LETTERS, LONGEST_TITLE, SYMBOLS, spelled

WIDTHS = (2, 3, 4, 5, 7)
GRAMS = (2, 3, 4, 5)
BUCKETS = 8192

SENTENCE_WIDTH = 256
SENTENCE_FILES = ("weights/l2_supercat_256.safetensors", "tokenizers/l2_supercat_tokenizer_config.json")


@dataclass(frozen=True)
class TitleConfig:
    """``hidden``: filters a width, or the RNN's width; ``dim``: of the vector that comes out; ``without``: what is
    taken away from titles before they are read (``title.removal``).
    """

    kind: str = "cnn"
    hidden: int = 64
    dim: int = 64
    dropout: float = 0.3
    without: tuple[str, ...] = ()


def characters(titles: Iterable[str]) -> Tensor:
    """Titles as int64 ``(titles, LONGEST_TITLE)``: 1 and up are ``ALPHABET``'s letters, 0 is padding.

    A space stands before the first word and after the last one that is read.
    """
    rows = [[LETTERS[c] for c in f" {spelled(title)[: LONGEST_TITLE - 2]} "] for title in titles]
    return torch.tensor([row + [0] * (LONGEST_TITLE - len(row)) for row in rows], dtype=torch.int64).reshape(
        -1, LONGEST_TITLE
    )


class SpelledEncoder(nn.Module):
    """Characters int64 ``(titles, LONGEST_TITLE)``, 0 for padding → ``(titles, dim)``."""

    def __init__(self, config: TitleConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(SYMBOLS, 32, padding_idx=0)
        self.dropout = nn.Dropout(config.dropout)
        self.body = BODIES[config.kind](32, config.hidden)
        self.out = nn.Linear(self.body.width, config.dim)

    def forward(self, characters: Tensor) -> Tensor:
        """Vectors of the titles, not normalised."""
        pooled: Tensor = self.body(self.embed(characters), characters > 0)
        vectors: Tensor = self.out(self.dropout(pooled))
        return vectors


class BagEncoder(nn.Module):
    """Vectors of a title's hashed n-grams, the mean of them: ``(titles, LONGEST_TITLE)`` → ``(titles, dim)``."""

    def __init__(self, config: TitleConfig) -> None:
        super().__init__()
        self.config = config
        self.table = nn.EmbeddingBag(BUCKETS + 1, config.hidden, mode="mean", padding_idx=0)
        nn.init.normal_(self.table.weight, std=0.3)
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(config.hidden, config.dim)

    def forward(self, characters: Tensor) -> Tensor:
        """Vectors of the titles, not normalised."""
        kept: Tensor = self.dropout(torch.ones_like(grams := hashed_grams(characters), dtype=torch.float32))
        vectors: Tensor = self.out(self.table(torch.where(kept > 0, grams, 0)))
        return vectors


class LinearEncoder(nn.Module):
    """A vector for every n-gram, weighted by its rarity (tf-idf) and summed; ``two_tower.fit_linear`` fits it."""

    idf: Tensor

    def __init__(self, config: TitleConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("idf", torch.zeros(BUCKETS + 1))
        self.table = nn.Embedding(BUCKETS + 1, config.dim)
        nn.init.zeros_(self.table.weight)
        self.bias = nn.Parameter(torch.zeros(config.dim))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, characters: Tensor) -> Tensor:
        """Vectors of the titles, not normalised."""
        grams = hashed_grams(characters)
        weight = self.dropout(self.weights(grams))
        vectors: Tensor = self.bias + (self.table(grams) * weight[..., None]).sum(1)
        return vectors

    def weights(self, grams: Tensor) -> Tensor:
        """Weight of each n-gram in its title, a unit vector a title: ``(titles, n)``."""
        return F.normalize(self.idf[grams], dim=-1)

    @torch.no_grad()
    def count(self, grams: Tensor) -> None:
        """Learn from n-grams of titles ``(titles, n)`` how rare each is; what fewer than three have is not read."""
        found = torch.zeros(len(grams), BUCKETS + 1).scatter_(1, grams, 1.0).sum(0)
        self.idf.copy_(torch.where(found < 3, 0.0, 1 + torch.log(len(grams) / (1 + found))))
        self.idf[0] = 0.0


class SentenceEncoder(nn.Module):
    """One hidden layer over the vectors of a pretrained sentence encoder, which stay as they are."""

    def __init__(self, config: TitleConfig) -> None:
        super().__init__()
        self.config = config
        self.inner = nn.Linear(SENTENCE_WIDTH, 2 * config.hidden)
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(2 * config.hidden, config.dim)

    def forward(self, vectors: Tensor) -> Tensor:
        """From unit vectors of titles ``(titles, sentences.WIDTH)``; not normalised."""
        told: Tensor = self.out(self.dropout(F.gelu(self.inner(self.dropout(vectors)))))
        return told


def hashed_grams(characters: Tensor) -> Tensor:
    """Buckets 1 to ``BUCKETS`` of all strings of 2 to 5 letters in each title, 0 beyond its end: ``(titles, n)``."""
    found = []
    for length in GRAMS:
        windows = characters.unfold(1, length, 1)
        code = torch.full_like(windows[..., 0], length)
        for letter in windows.unbind(-1):
            code = (code * 1_000_003 + letter) % 2_147_483_647
        found.append(torch.where((windows > 0).all(-1), code % BUCKETS + 1, 0))
    return torch.cat(found, 1)


class Convolutions(nn.Module):
    """Filters over 2 to 7 characters; the strongest answer of each counts, wherever it stands."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.filters = nn.ModuleList(nn.Conv1d(inputs, hidden, width, padding=width - 1) for width in WIDTHS)
        self.width = hidden * len(WIDTHS)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """``(titles, characters, d)`` → ``(titles, filters)``."""
        x = (x * there[..., None]).transpose(1, 2)
        return torch.cat([F.relu(convolution(x)).amax(-1) for convolution in self.filters], -1)


class Recurrence(nn.Module):
    """A bidirectional GRU, the greatest of its states in each dimension."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.gru = nn.GRU(inputs, hidden, batch_first=True, bidirectional=True)
        self.width = 2 * hidden

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """``(titles, characters, d)`` → ``(titles, 2 hidden)``."""
        packed = pack_padded_sequence(x, there.sum(1).clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
        states = pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=x.shape[1])[0]
        return states.masked_fill(~there[..., None], -1e4).amax(1)


BODIES: Mapping[str, type[Convolutions | Recurrence]] = {"cnn": Convolutions, "rnn": Recurrence}


TITLE_KINDS = ("linear", "bag", *BODIES)


SENTENCE = "sentence"  # where it is installed


def title_encoder(config: TitleConfig) -> nn.Module:
    """The encoder that ``config.kind`` names."""
    others: dict[str, type[nn.Module]] = {"linear": LinearEncoder, "bag": BagEncoder, SENTENCE: SentenceEncoder}
    return others.get(config.kind, SpelledEncoder)(config)


def _sentence_folder() -> Path | None:
    found = find_spec("wordllama")
    return Path(found.origin).parent if found and found.origin else None


def sentences_available() -> bool:
    """Whether the encoder is installed."""
    folder = _sentence_folder()
    return (
        folder is not None
        and find_spec("tokenizers") is not None
        and all((folder / f).exists() for f in SENTENCE_FILES)
    )


@functools.cache
def _pretrained() -> tuple[Any, Tensor]:
    """The tokenizer and the vectors ``(tokens, WIDTH)``; raises ``ModuleNotFoundError`` where they aren't installed."""
    folder = _sentence_folder()
    if folder is None or not sentences_available():
        raise ModuleNotFoundError("the sentence encoder is not installed; pip install 'kallos[sentence]'")
    from tokenizers import Tokenizer  # noqa: PLC0415 (optional)

    return Tokenizer.from_file(str(folder / SENTENCE_FILES[1])), load_file(folder / SENTENCE_FILES[0])[
        "embedding.weight"
    ].float()


def sentence_vectors(titles: Sequence[str]) -> Tensor:
    """Unit vectors ``(titles, WIDTH)``; of a title without any token, zeros."""
    tokenizer, vectors = _pretrained()
    rows = torch.zeros(len(titles), SENTENCE_WIDTH)
    for row, title in zip(rows, titles, strict=True):
        if tokens := tokenizer.encode(title, add_special_tokens=False).ids:
            row.copy_(vectors[tokens].mean(0))
    return F.normalize(rows, dim=-1)
