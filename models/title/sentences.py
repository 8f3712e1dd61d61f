"""A small pretrained sentence encoder, where it is installed: the mean of its tokens' vectors for each title.

The vectors are WordLlama's, taken from the token embeddings of large language models (pip install kallos[sentence],
MIT licence). They are read from that package's own files, so nothing is downloaded and none of its code runs.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

WIDTH = 256
FILES = ("weights/l2_supercat_256.safetensors", "tokenizers/l2_supercat_tokenizer_config.json")


def _folder() -> Path | None:
    found = find_spec("wordllama")
    return Path(found.origin).parent if found and found.origin else None


def available() -> bool:
    """Whether the encoder is installed."""
    folder = _folder()
    return folder is not None and find_spec("tokenizers") is not None and all((folder / f).exists() for f in FILES)


@functools.cache
def _pretrained() -> tuple[Any, Tensor]:
    """The tokenizer and the vectors ``(tokens, WIDTH)``; raises ``ModuleNotFoundError`` where they aren't installed."""
    folder = _folder()
    if folder is None or not available():
        raise ModuleNotFoundError("the sentence encoder is not installed; pip install 'kallos[sentence]'")
    from tokenizers import Tokenizer  # noqa: PLC0415 (optional)

    return Tokenizer.from_file(str(folder / FILES[1])), load_file(folder / FILES[0])["embedding.weight"].float()


def embedded(titles: Sequence[str]) -> Tensor:
    """Unit vectors ``(titles, WIDTH)``; of a title without any token, zeros."""
    tokenizer, vectors = _pretrained()
    rows = torch.zeros(len(titles), WIDTH)
    for row, title in zip(rows, titles, strict=True):
        if tokens := tokenizer.encode(title, add_special_tokens=False).ids:
            row.copy_(vectors[tokens].mean(0))
    return F.normalize(rows, dim=-1)
