"""What is told about a map beside its picture: how far to trust it, and what it takes to draw the same one again."""

from __future__ import annotations

from datetime import datetime

from webapp.maps.catalogue import MapEntry


def trust(found: MapEntry) -> str:
    """How true the neighbourhoods of the picture are, in a sentence."""
    left, told = found.left_out, found.quality["trustworthiness"]
    missing = f" {left.pieces:,} pieces {left.why} are not on it." if left and left.pieces else ""
    return (
        f'<h2>How far to trust it</h2><p class="k-explain">Trustworthiness {_figure(told["value"])} (by chance '
        f"{_figure(told['chance'])}, at best 1): points that lie together here are neighbours in the model's own space "
        f"too. The map was drawn of {found.points:,} points.{missing}</p>"
    )


def quality(found: MapEntry) -> list[list[str]]:
    """One row a colouring."""
    rows = []
    for name in found.colours:
        told = found.quality["colours"][name]
        purity, drawn, silhouette = told["purity"], told["purity_in_picture"], told["silhouette"]
        figures = (purity["value"], purity["chance"], drawn["value"], silhouette["value"], silhouette["chance"])
        rows.append([f"{name[:1].upper()}{name[1:]}", *map(_figure, figures)])
    return rows


def _figure(value: float | None) -> str:
    text = "–" if value is None else f"{value:.2f}"
    return "0.00" if text == "-0.00" else text.replace("-", "−")


def origin(found: MapEntry) -> str:
    """What it takes to draw the same map again."""
    when = f"drawn {datetime.fromisoformat(found.drawn_at):%Y-%m-%d %H:%M}"
    return (
        f"model {found.model_version} · data {found.data_hash} · seed {found.seed} · "
        f"commit {(found.commit or 'unknown')[:8]} · {'shipped with the weights' if found.shipped else when}"
    )
