"""Which Kallos this is, and its commands as pages show them: whole, so that they run in any terminal here."""

from __future__ import annotations

import os
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from models.experiments import provenance
from models.style.bundle import SHIPPED_STYLE
from webapp.runtime.settings import Settings

ROOT = Path(__file__).parents[2]  # the folder that ``models`` and ``webapp`` lie in
CORPORA = "KALLOS_CORPORA"  # read by models.music.corpora, from the environment alone
WRITTEN = Path(__file__).resolve().parents[1] / "commit"  # by `kallos space`, whose repository is another one


def training(settings: Settings, name: str, folder: str, *options: str) -> str:
    """``models.train.NAME`` of the smallest preset, into a folder below the one whose logs are followed."""
    return python(f"models.train.{name}", "--preset", "tiny", *options, "--out", str(settings.runs_folder / folder))


def evaluation(name: str, folder: Path) -> str:
    """``models.NAME`` of the style model in ``folder``, its figures saved beside the weights."""
    own = () if folder == SHIPPED_STYLE else ("--model", str(folder))
    return python(f"models.{name}", "--save", *own)


def python(module: str, *arguments: str, **environment: str) -> str:
    """A module of ours, run by the interpreter that runs this, in the folder from which it is found."""
    if module.startswith("models.") and (corpora := os.environ.get(CORPORA)):
        environment = {**environment, CORPORA: str(Path(corpora).absolute())}
    given = [f"{name}={shlex.quote(value)}" for name, value in environment.items()]
    return " ".join(
        ["cd", shlex.quote(str(ROOT)), "&&", *given, shlex.join([sys.executable, "-m", module, *arguments])]
    )


def kallos(home: Path, *arguments: str) -> str:
    """A ``kallos`` command on an installation's data folder."""
    return python("webapp", *arguments, KALLOS_HOME=str(home))


try:
    VERSION = version("kallos")
except PackageNotFoundError:  # run from a folder that was never installed
    VERSION = "0"


def commit() -> str | None:
    """The git commit that runs, where it runs from a checkout or a Space."""
    if WRITTEN.exists():
        return WRITTEN.read_text(encoding="ascii").strip()
    found = provenance.commit()
    return None if found == provenance.UNKNOWN else found
