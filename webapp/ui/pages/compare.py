"""The compare page: two short pieces, one question, five answers."""

from __future__ import annotations

from webapp.context import Context
from webapp.ui.components.pair_player import PairPlayer
from webapp.ui.layout import page
from webapp.ui.pages.picking import frame

LEAD = (
    "Kallos learns from your picks what you find beautiful, and composes it. Nobody is identified: "
    '<a href="about">what happens to your picks</a>.'
)


def build(context: Context) -> None:
    """The page at ``/``."""
    with page("compare") as listener:
        frame(context, listener, PairPlayer, way="compare", title="Which is more beautiful?", lead=LEAD)
