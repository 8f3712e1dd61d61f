"""``kallos space DIR``: a repository that a Hugging Face Gradio Space runs as it is."""

from __future__ import annotations

import re
import shutil
from importlib import metadata
from pathlib import Path

from webapp.runtime.commands import commit

PACKAGES = ("webapp", "models", "db")
TERMS = ("LICENSE", "NOTICE")  # which must travel with the code and the weights
FILES = Path(__file__).parent / "space_files"
NOT_NEEDED = shutil.ignore_patterns("__pycache__", "*.pyc", "*.part", ".*", "node_modules")
NAMES = {"gitattributes": ".gitattributes"}  # which a wheel or an archive might leave out under their own names


class NotEmptyError(Exception):
    """The folder holds something that is no Space written before."""


def write_space(folder: Path) -> int:
    """Write this Kallos as a Space into ``folder``, replacing one written before; bytes in all.

    Raises ``NotEmptyError`` where something else lies there, and ``OSError``.
    """
    root = Path(__file__).resolve().parents[2]
    present = {path.name for path in folder.iterdir()} - {".git"} if folder.exists() else set()
    if present and not {"app.py", "webapp"} <= present:
        raise NotEmptyError(f"{folder} is not empty and holds no Space that `kallos space` wrote; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        shutil.rmtree(folder / package, ignore_errors=True)
        shutil.copytree(root / package, folder / package, ignore=NOT_NEEDED)
    shutil.rmtree(folder / "alembic", ignore_errors=True)
    if (root / "alembic").exists():  # an installed Kallos has the migrations within db
        shutil.copytree(root / "alembic", folder / "alembic", ignore=NOT_NEEDED)
    for source in FILES.iterdir():
        if source.is_file():
            shutil.copyfile(source, folder / NAMES.get(source.name, source.name))
    for name in TERMS:
        shutil.copyfile(_terms(root, name), folder / name)
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8").replace("SDK_VERSION", gradio_version())
    readme.write_text(text, encoding="utf-8")
    if at := commit():
        (folder / "webapp" / "commit").write_text(at, encoding="ascii")
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)


def _terms(root: Path, name: str) -> Path:
    """Where the file ``name`` lies: in a checkout, or among the metadata of an installed Kallos."""
    if (root / "pyproject.toml").exists():
        return root / name
    found = [each for each in metadata.files("kallos") or () if each.name == name and "licenses" in each.parts]
    return Path(str(found[0].locate()))


def gradio_version() -> str:
    """Of the locked requirements: the Space's builder installs the same."""
    found = re.search(
        r"^gradio @ \S+/gradio-([\d.]+)-py3", (FILES / "requirements.txt").read_text("utf-8"), re.MULTILINE
    )
    assert found is not None
    return found[1]
