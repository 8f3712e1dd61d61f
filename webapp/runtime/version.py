"""Which Kallos this is: its version and, in a checkout, its commit."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from models.experiments import provenance

try:
    VERSION = version("kallos")
except PackageNotFoundError:  # run from a folder that was never installed
    VERSION = "0"


WRITTEN = Path(__file__).resolve().parents[1] / "commit"  # by `kallos space`, whose repository is another one


def commit() -> str | None:
    """The git commit that runs, where it runs from a checkout or a Space."""
    if WRITTEN.exists():
        return WRITTEN.read_text(encoding="ascii").strip()
    found = provenance.commit()
    return None if found == provenance.UNKNOWN else found
