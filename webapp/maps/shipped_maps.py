"""The maps that come with the weights, put where pages find them, so that none is empty after a first start."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from db.queries import research
from models.atlas.points import KINDS, load_shipped_map
from models.style.card import shipped_version
from webapp.maps.atlas import Atlas
from webapp.maps.drawing import keep
from webapp.maps.title_search import model_version


def keep_shipped(atlas: Atlas) -> list[str]:
    """Keep the maps that came with the weights, where there is none of their kind and model; the kinds kept."""
    kept = []
    for kind in KINDS:
        version = {"clips": atlas.space.version, "pictures": shipped_version("picture-cpu")}.get(
            kind
        ) or model_version()
        if kind in atlas.database.transaction(partial(research.newest_maps, model_version=version)):
            continue
        drawn = load_shipped_map(kind)
        if drawn is not None and drawn.about["model_version"] == version:
            keep(atlas, replace(drawn, about={**drawn.about, "shipped": True}))
            kept.append(kind)
    return kept
