"""A participant's page of a listening study: no header and no listener, only the study that the link names."""

from __future__ import annotations

import gradio as gr
from gradio.components import Navbar

from webapp.ui.components.study_page import StudyPage


def build() -> None:
    """The page at ``/study``."""
    Navbar(visible=False)
    with gr.Column(elem_classes="k-page"):
        StudyPage()
