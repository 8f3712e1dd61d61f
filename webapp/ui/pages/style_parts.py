"""What the parts of the styles page share: rows of choices, and where something comes from."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, TypeVar

import gradio as gr

from webapp.runtime.errors import NotReady, Overdue

PATIENCE, AGAIN_S = 4, 2.0
T = TypeVar("T")


def patiently(compose: Callable[[], T]) -> T:
    """What is composed, tried again where the composer isn't ready, not where it took too long; raises ``NotReady``."""
    for _ in range(PATIENCE):
        try:
            return compose()
        except Overdue:
            raise
        except NotReady:
            time.sleep(AGAIN_S)
    return compose()


def radio(options: Sequence[tuple[str, Any]], label: str, value: Any = None) -> gr.Radio:
    """One of few, as a line of words."""
    return gr.Radio(
        list(options),
        value=value,
        label=label,
        show_label=False,
        container=False,
        elem_classes="k-choices",
        interactive=True,
    )


def csv_link(address: str, title: str) -> str:
    """A link to a table as CSV."""
    return f'<a href="{escape(address)}" download aria-label="{escape(title)} as CSV">{escape(title)} (CSV)</a>'


def origin(about: Mapping[str, Any]) -> str:
    """Where the figures of a table come from."""
    return (
        f"{about['command']} of {about['model_version']} on {about['data_n']} clips (data "
        f"{about['data_hash']}), commit {(about.get('commit') or '')[:12]}, seed {about['seed']}."
    )
