"""The taste page: what a listener seems to like, how sure that is, the best clips, more of them, and the way back.

Each file is one section with its handlers; ``renewed`` counts the times that votes were undone or brought back, after
which every section loads again.
"""

from __future__ import annotations

import gradio as gr

from webapp.context import Context
from webapp.ui.layout import QUIET, page
from webapp.ui.pages.taste import account, composing, likings, votes, why

# gr.Button takes no data-testid, and others rely on this one
NAMED = "() => { document.querySelector('#compose').dataset.testid = 'compose'; }"


def build(context: Context) -> None:
    """The page at ``/taste``."""
    with page("taste") as listener:
        renewed = gr.State(0)
        changes = (listener.change, renewed.change)
        best, further, favourites, picks = likings.build(context, listener, changes)
        why.build(context, listener, best, further)
        section = composing.build(context, listener, changes, favourites)
        account.build_card(context, listener, changes)
        picks.change(lambda count: gr.update(visible=count > 0), picks, section, **QUIET).then(None, js=NAMED)
        votes.build(context, listener, changes, renewed)
        account.build_bringing(context, listener, renewed)
        account.build_devices(context, listener)
