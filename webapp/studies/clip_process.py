"""The process that makes a study's clips: torch, decoders and whatever a file does to them end with it.

``webapp.studies.clip_process FOLDER`` reads ``task.json`` in ``FOLDER`` and writes the clips beside it. Each line of
its output is JSON: how far it is, or what is wrong.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from webapp.composing.offline import NothingComposedError
from webapp.runtime.errors import NotAllowed
from webapp.runtime.supervised_process import Progress, say
from webapp.studies.clip_making import make
from webapp.studies.sources import SourceError, Task


def main(folder: Path) -> None:
    """See the module docstring."""
    try:
        make(Task(**json.loads((folder / "task.json").read_text(encoding="utf-8"))), folder, Progress())
    except (SourceError, NothingComposedError, NotAllowed) as error:
        say({"problem": str(error)})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
