"""The process that sets a film to music: torch, FFmpeg and whatever a file does to them end with it.

``webapp.film.scoring_process FOLDER METHOD SEED LONGEST_S STYLE_FOLDER [KEPT]`` reads the files in
``FOLDER/sources``, and ``FOLDER/links.json`` where a listener's own links are asked for, and writes ``film.mp4``,
``film.mid`` and ``film.wav`` beside them, and into ``KEPT``. Each line of its output is JSON: how far it is, and at
last what was made, or what is wrong with the film.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from models.music.files import replacing
from models.picture.film import FilmError
from webapp.film import making
from webapp.film.scored_films import FILES, LINKS, MADE
from webapp.runtime.supervised_process import Progress, say


def main(folder: Path, method: str, seed: int, longest_s: float, style_folder: Path, *, kept: Path | None) -> None:
    """See the module docstring."""
    own = folder / LINKS
    links = json.loads(own.read_text(encoding="utf-8")) if own.exists() else None
    try:
        made = making.make(
            sorted((folder / "sources").iterdir()), folder, style_folder, method=method, links=links, seed=seed,
            longest_s=longest_s, progress=Progress(),
        )  # fmt: skip
    except (FilmError, ValueError) as error:
        say({"problem": str(error)})
        sys.exit(1)
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
        (folder / MADE).write_text(json.dumps(asdict(made)), encoding="utf-8")
        for each in (*FILES, MADE):
            with replacing(kept / each) as part:  # the last one says that all are whole
                shutil.copyfile(folder / each, part)
    say({"made": asdict(made)})


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        sys.argv[2],
        int(sys.argv[3]),
        float(sys.argv[4]),
        Path(sys.argv[5]),
        kept=next(map(Path, sys.argv[6:]), None),
    )
