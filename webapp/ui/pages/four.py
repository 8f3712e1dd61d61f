"""The most beautiful of four: a second way to play, with the same player and the same rules as the pairs."""

from __future__ import annotations

from webapp.context import Context
from webapp.ui.components.best_of_four_player import BestOfFourPlayer
from webapp.ui.layout import page
from webapp.ui.pages.picking import frame


def build(context: Context) -> None:
    """The page at ``/four``."""
    with page("four") as listener:
        frame(context, listener, BestOfFourPlayer, way="four", title="Which is the most beautiful?")
