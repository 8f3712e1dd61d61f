"""The engine of a generation server, with its style model on its device; torch is loaded here."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # torch is imported by load_engine(), after its environment is set
    from webapp.generation.engine import Engine

CPU_THREADS = 1  # the other core renders, and on a busy machine two threads wait for each other
CPU_SLOTS, GPU_SLOTS = 16, 32  # sixteen clips cost a core half as much each as four do


class NoDeviceError(Exception):
    """There is no such device here."""


def load_engine(model: str, device: str) -> Engine:
    """An engine that composes with ``model``; whoever asks for it closes it. Once its decoding breaks the process ends.

    ``device``: ``cpu``, ``cuda``, ``cuda:1`` or ``auto`` (the first CUDA device where there is one). Raises
    ``NoDeviceError``, and ``OSError`` or ``ValueError`` where the model can't be used.
    """
    # Spinning OpenMP threads make a decode step up to ten times slower on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    lent = os.environ.get("SPACES_ZERO_GPU", "").lower() in {"1", "t", "true"} and find_spec("spaces") is not None
    if lent:
        import_module("spaces")  # before torch, of which it is a part there
    import torch  # noqa: PLC0415 (after its environment is set)

    from models.style.checkpoint import load_style  # noqa: PLC0415 (torch, which the page's process must not load)
    from models.style.compose import Composer  # noqa: PLC0415 (torch, which the page's process must not load)
    from webapp.generation.engine import (  # noqa: PLC0415 (torch, which the page's process must not load)
        Engine,
        LentGPU,
    )

    if lent:
        device = "cpu"  # the GPU is lent for seconds, in forks of this process
    elif device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu" and not torch.cuda.is_available():
        raise NoDeviceError(f"KALLOS_DEVICE={device}: no CUDA device answers here; leave it out, or set it to cpu")
    bundle = load_style(model, device)
    torch.set_num_threads(CPU_THREADS)
    slots = CPU_SLOTS if device == "cpu" else GPU_SLOTS
    composer = Composer(bundle, device)
    return Engine(composer, slots=slots, draft=LentGPU(composer) if lent else None, on_failure=_exit_broken)


def _exit_broken() -> None:
    os._exit(70)  # the supervisor starts a fresh process; a broken decode thread (CUDA) can't be mended in this one
