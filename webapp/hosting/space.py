"""``kallos space DIR``: a repository that a Hugging Face Gradio Space runs as it is; ``make lock``: what it installs.

The lock files have the version and SHA-256 of every file that a Space and a container install. pip takes all files of
one command by their hash or none, and a Space's builder adds requirements of its own to ours. There each is named by
the address of its wheel, whose ``#sha256=`` pip checks in any case. ``python -m webapp.hosting.space`` writes them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

from webapp.runtime.commands import commit

PACKAGES = ("webapp", "models", "db")
TERMS = ("LICENSE", "NOTICE")  # which must travel with the code and the weights
FILES = Path(__file__).parent / "space_files"
NOT_NEEDED = shutil.ignore_patterns("__pycache__", "*.pyc", "*.part", ".*", "node_modules")
NAMES = {"gitattributes": ".gitattributes"}  # which a wheel or an archive might leave out under their own names

ROOT = Path(__file__).resolve().parents[2]
SPACE = Path(__file__).parent / "space_files" / "requirements.txt"
CONTAINER = ROOT / "docker" / "requirements.txt"
PYTHON = (3, 12)
GLIBC = 36  # of Debian 12, below which a Space and the container run
# ZeroGPU has torch 2.8 to 2.11 and brings its own; which files of it are taken is the Space's to say.
SPACE_TORCH = ("torch==2.11.0", "torchaudio==2.11.0")
OF_TORCH = re.compile(r"torch|torchaudio|triton|nvidia-.*|cuda-.*")
HEAD = "# Written by `make lock`; Python 3.12 on x86-64 Linux.\n"


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


def main() -> int:
    """Ask the package index through uv, and write both files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted: list[str] = project["dependencies"]
    space = [each for each in wanted if not re.match(r"torch", each)]
    gradio = next(each for each in locked_packages([*space, *SPACE_TORCH]) if each["name"] == "gradio")["version"]
    found = locked_packages([*space, *SPACE_TORCH, f"gradio[oauth,mcp]=={gradio}"])  # as the builder asks for it
    SPACE.write_text(HEAD + "".join(f"{line}\n" for line in space_lines(found)), encoding="utf-8")
    CONTAINER.parent.mkdir(exist_ok=True)
    hashed = _uv(wanted, "--generate-hashes", "--no-annotate", "--no-header", name="lock.txt")
    CONTAINER.write_text(HEAD + hashed, encoding="utf-8")
    return 0


def space_lines(packages: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A requirement for each package: the address and hash of its file, but for torch, which a Space brings."""
    yield from SPACE_TORCH
    tags = [*_tags()]
    for package in packages:
        if OF_TORCH.fullmatch(package["name"]):
            continue
        file = _file(package, tags)
        yield f"{package['name']} @ {file['url']}#sha256={file['hashes']['sha256']}"


def locked_packages(wanted: Iterable[str]) -> list[dict[str, Any]]:
    """Every package that is needed, as a pylock.toml names it."""
    packages: list[dict[str, Any]] = tomllib.loads(_uv(wanted, "--format", "pylock.toml", name="pylock.toml"))[
        "packages"
    ]
    return packages


def _file(package: Mapping[str, Any], tags: list[Tag]) -> dict[str, Any]:
    """The best wheel of a package for these tags, or else its source."""
    order = {tag: place for place, tag in enumerate(tags)}
    ranked = []
    for wheel in package.get("wheels", ()):
        fitting = [order[tag] for tag in parse_wheel_filename(wheel["url"].rpartition("/")[2])[3] if tag in order]
        if fitting:
            ranked.append((min(fitting), wheel))
    best: dict[str, Any] = min(ranked, key=lambda each: each[0])[1] if ranked else package["sdist"]
    return best


def _tags() -> Iterator[Tag]:
    old = ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"]
    platforms = [*(f"manylinux_2_{minor}_x86_64" for minor in range(GLIBC, 4, -1)), *old, "linux_x86_64"]
    yield from cpython_tags(PYTHON, ["cp312"], platforms)
    yield from compatible_tags(PYTHON, "cp312", platforms)


def _uv(wanted: Iterable[str], *options: str, name: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        asked, out = Path(folder) / "requirements.in", Path(folder) / name
        asked.write_text("\n".join(wanted), encoding="utf-8")
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--python-version", "3.12"]
        platform = ["--python-platform", f"x86_64-manylinux_2_{GLIBC}"]
        subprocess.run([*command, *platform, *options, str(asked), "--output-file", str(out)], check=True)  # noqa: S603 (our own arguments, no shell)
        return out.read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
