"""The maps that come with the weights, put where pages find them, so that none is empty after a first start."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import models
from db.queries import maps as rows
from models.atlas.points import KINDS
from models.atlas.shipped import shipped
from webapp.maps.atlas import Atlas
from webapp.maps.drawing import keep
from webapp.maps.title_search import model_version

CARD = Path(models.__file__).parent / "weights" / "picture-cpu" / "card.json"  # read without torch


def picture_version() -> str:
    """Which picture model is installed; "" for none."""
    return str(json.loads(CARD.read_text(encoding="utf-8"))["version"]) if CARD.is_file() else ""


def keep_shipped(atlas: Atlas) -> list[str]:
    """Keep the maps that came with the weights, where there is none of their kind and model; the kinds kept."""
    kept = []
    for kind in KINDS:
        version = {"clips": atlas.space.version, "pictures": picture_version()}.get(kind) or model_version()
        if kind in atlas.database.transaction(partial(rows.newest_maps, model_version=version)):
            continue
        drawn = shipped(kind)
        if drawn is not None and drawn.about["model_version"] == version:
            keep(atlas, replace(drawn, about={**drawn.about, "shipped": True}))
            kept.append(kind)
    return kept
