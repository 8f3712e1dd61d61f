"""The tunes that towers are tested on, and those that probes and baselines learn from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from models.experiments.dataset import neutral
from models.music import corpora
from models.music.notes import MusicError
from models.title.checkpoint import TitleBundle
from models.title.training_data import CORPORA
from models.title.tunes import Tune, tunes_of

BOOK, UNHEARD = "oneills1850", "cre"
PROBE_LEARNS_FROM = ("oneills1850", "ryansMammoth")
LEAST = 20  # tunes that make a pool worth asking


@dataclass(frozen=True)
class Material:
    """Tunes by what they are for: the pool, the other collection, what the probe learns from, the training part."""

    pool: list[Tune]
    elsewhere: list[Tune]
    known: list[Tune]
    trained: list[Tune]


def read_material(bundle: TitleBundle, data: Path | None, limit: int | None) -> Material:
    """Reads corpora and folder, grouped together; raises ``MusicError`` where no tune is left to test on."""
    there = corpora.registry()
    names = [name for name in (*CORPORA, UNHEARD) if there[name].available and (data is None or name != UNHEARD)]
    pieces = [piece for name in names for piece in corpora.load(name)]
    folder = corpora.load_folder(data, neutral) if data else []
    tunes = tunes_of([*pieces, *(replace(piece, source="folder") for piece in folder)])
    held_out = {name for part in bundle.held_out.values() for name in part}
    trained = [tune for tune in tunes if tune.source in CORPORA and tune.name not in held_out]
    heard = {tune.group for tune in trained}
    if data is None:
        asked = set(bundle.held_out.get("test", ()))
        pool = [tune for tune in tunes if tune.name in asked and tune.source == BOOK]
        elsewhere = [tune for tune in tunes if tune.source == UNHEARD and tune.group not in heard]
    else:
        pool = [tune for tune in tunes if tune.source == "folder"]
        elsewhere = [tune for tune in pool if tune.group not in heard]
    pool = pool[:limit]
    if len(pool) < LEAST:
        raise MusicError(
            f"{len(pool)} tunes with titles are there that the towers held out; at least {LEAST} are needed"
            if data is None
            else f"{data} holds {len(pool)} tunes with titles; at least {LEAST} are needed"
        )
    return Material(pool, elsewhere[:limit], [t for t in tunes if t.source in PROBE_LEARNS_FROM], trained)
