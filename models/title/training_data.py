"""The tunes of a training run: which collections, and how they are split."""

from __future__ import annotations

import json
from pathlib import Path

from models.experiments.dataset import neutral
from models.music import corpora
from models.music.notes import MusicError
from models.title.tunes import Tune, split_tunes, tunes_of

CORPORA = ("oneills1850", "ryansMammoth", "airdsAirs")


def training_parts(data: Path | None, out: Path, *, again: bool) -> dict[str, list[Tune]]:
    """The tunes by part, split now and noted in ``out/split.json``, or as noted there (``again``).

    Raises ``MusicError`` where there is nothing to train on or to validate with.
    """
    if data is None:
        there = corpora.registry()
        pieces = [piece for name in CORPORA if there[name].available for piece in corpora.load(name)]
    else:
        pieces = corpora.load_folder(data, neutral)
    tunes, record = tunes_of(pieces), out / "split.json"
    if again and record.exists():
        noted = {part: set(names) for part, names in json.loads(record.read_text(encoding="utf-8")).items()}
        parts = {part: [tune for tune in tunes if tune.name in names] for part, names in noted.items()}
    else:
        parts = split_tunes(tunes)
        text = json.dumps({part: [tune.name for tune in found] for part, found in parts.items()}, ensure_ascii=False)
        record.write_text(text + "\n", encoding="utf-8")
    for part, least in (("train", 8), ("validation", 2)):
        if len(parts[part]) < least:
            raise MusicError(f"{len(tunes)} tunes leave {len(parts[part])} for {part}; at least {least} are needed")
    return parts
