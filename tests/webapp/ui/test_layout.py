from __future__ import annotations

import asyncio

import gradio as gr

from webapp.ui import layout


async def shown() -> str:  # outside a running loop Gradio makes loops that it never closes
    with gr.Blocks(analytics_enabled=False) as blocks, layout.page("compare"):
        pass
    return str(blocks.get_config_file())


def test_a_space_that_loses_votes_says_so(monkeypatch):
    for environment, warned in (
        ({}, False),
        ({"SPACE_ID": "somebody/kallos"}, True),
        ({"SPACE_ID": "somebody/kallos", "KALLOS_JOURNAL_URL": "/data/journal"}, False),
        ({"SPACE_ID": "somebody/kallos", "KALLOS_DATABASE_URL": "postgresql://kept@elsewhere/kallos"}, False),
    ):
        for name in ("SPACE_ID", "KALLOS_JOURNAL_URL", "KALLOS_DATABASE_URL"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert ("This demo forgets" in asyncio.run(shown())) == warned
