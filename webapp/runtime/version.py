"""Which Kallos this is: its version and, in a checkout, its commit."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from models.experiments import provenance

try:
    VERSION = version("kallos")
except PackageNotFoundError:  # run from a folder that was never installed
    VERSION = "0"


def commit() -> str | None:
    """The git commit that runs, where it runs from a checkout."""
    found = provenance.commit()
    return None if found == provenance.UNKNOWN else found
