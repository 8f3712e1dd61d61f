"""Where a result comes from: the commit that ran, and the digest of the music."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # else whoever asks where weights lie would load NumPy
    from models.music.notes import Piece

PACKAGE = Path(__file__).resolve().parent.parent
UNKNOWN = "unknown"


@cache
def commit(package: Path = PACKAGE) -> str:
    """The git commit of the checkout that ``package`` lies in, or "unknown" where it lies in none.

    A package in an environment may lie inside the checkout of some other project: the top folder of a checkout of its
    own is the folder that holds the package.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # a hook's: another's
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--show-toplevel", "HEAD"],  # noqa: S607 (the user's git)
            cwd=package.parent,
            env=own,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    top, head = found.stdout.splitlines()
    return head if Path(top).resolve() == package.resolve().parent else UNKNOWN


def data_hash(pieces: Sequence[Piece]) -> str:
    """Digest of the notes and names of ``pieces``, whatever their order."""
    digests = sorted(
        hashlib.sha256(f"{p.source}/{p.piece_id}".encode() + p.notes.tobytes() + p.bars.tobytes()).hexdigest()
        for p in pieces
    )
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]
