"""torchaudio, wherever torch is the CPU build: the one file that imports it.

torchaudio's newest wheel links to CUDA's torch, so beside a CPU torch its compiled extension can't be loaded and the
import fails. What is used here (mel spectrograms, resampling, Griffin-Lim) is pure Python: where the plain import
fails, an extension that says it isn't there is put in its place.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


def _import() -> Any:
    try:
        return importlib.import_module("torchaudio")
    except OSError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
            del sys.modules[name]
    absent: Any = ModuleType("torchaudio._extension")
    absent._IS_TORCHAUDIO_EXT_AVAILABLE = absent._IS_ALIGN_AVAILABLE = False
    absent.fail_if_no_align = lambda function: function
    sys.modules[absent.__name__] = absent
    return importlib.import_module("torchaudio")


_import()
from torchaudio import functional, transforms  # noqa: E402 (after the import that may need help)

__all__ = ["functional", "transforms"]
