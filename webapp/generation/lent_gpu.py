"""Drafts composed on a GPU that is lent for seconds, as ZeroGPU lends one to a Hugging Face Space.

Everything else goes on on the processor: the GPU is there in a fork of this process alone, while the decorated function
runs in it. Where none is lent (a visitor's quota, a queue), drafts are composed on the processor as well.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from importlib import import_module

import torch

from models.music.notes import Domain
from models.style.compose import Composer
from models.style.drafting import draft_each
from models.style.drafts import Draft

log = logging.getLogger(__name__)

LENT_SECONDS = 30
REFUSED_SECONDS = 300.0  # until one is asked for again


class LentGPU:
    """Composes drafts as ``draft_each`` does with ``composer``, which is on the processor."""

    def __init__(self, composer: Composer) -> None:
        spaces = import_module("spaces")
        self._composer = composer
        self._on_gpu = spaces.GPU(duration=LENT_SECONDS)(self._draft_there)
        self._refused_until = 0.0
        self._startup = getattr(spaces.zero, "startup", None)  # which Gradio's launch would call, were it used
        try:
            self._begin()
        except Exception as error:  # noqa: BLE001 (the network: who lends may not answer yet)
            self._refuse(error)

    def __call__(
        self,
        domains: Sequence[Domain],
        seeds: Sequence[int],
        mood: tuple[float, float] | None = None,
        between: Callable[[], None] | None = None,
    ) -> list[Draft]:
        """A draft for each domain and seed; what is written on a GPU is not ended ``between`` two steps."""
        if time.monotonic() > self._refused_until:
            try:
                self._begin()
                drafts: list[Draft] = self._on_gpu(domains, seeds, mood)
            except Exception as error:  # noqa: BLE001 (errors of Gradio's, of the network, of CUDA)
                self._refuse(error)
            else:
                return drafts
        return draft_each(self._composer, domains, seeds, mood, between)

    def _begin(self) -> None:
        if self._startup is not None:
            self._startup()
            self._startup = None

    def _refuse(self, error: Exception) -> None:
        self._refused_until = time.monotonic() + REFUSED_SECONDS
        log.warning("no_gpu_lent error=%s", error)

    def _draft_there(
        self, domains: Sequence[Domain], seeds: Sequence[int], mood: tuple[float, float] | None
    ) -> list[Draft]:
        """In the fork, whose model the GPU may have: this process' own stays where it is."""
        there = Composer(self._composer.bundle, "cuda" if torch.cuda.is_available() else "cpu")
        return draft_each(there, domains, seeds, mood)
