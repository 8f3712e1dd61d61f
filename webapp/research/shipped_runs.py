"""The logs of training runs that come with Kallos, put where the pages look for logs: none is empty at first."""

from __future__ import annotations

import shutil
from pathlib import Path

import models
from webapp.runtime.settings import Settings

SHIPPED = Path(models.__file__).parent / "weights" / "runs"
NAME = "shipped"


def copy_shipped(settings: Settings, shipped: Path = SHIPPED) -> bool:
    """Copy them below the folder of runs, once; whether that was done now.

    A folder that the operator named (``KALLOS_RUNS``) is left alone.
    """
    target = settings.home / "runs" / NAME
    if settings.runs_folder != target.parent or target.exists() or not shipped.is_dir():
        return False
    draft = target.with_name(f".{NAME}")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(shipped, draft)
    draft.rename(target)
    return True
