from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from webapp.ui.pages import together


def test_a_lean_that_both_have_is_said_once() -> None:
    for you, they, said in (
        (-1.0, -1.0, "Both probably low (8 in 10)"),
        (-1.4, -1.0, "Both probably low (you 9 in 10, they 8 in 10)"),
        (-1.0, 1.0, "You: probably low (8 in 10); they: probably high (8 in 10)"),
        (-1.0, 0.0, "You: probably low (8 in 10)"),
        (0.0, 0.0, ""),
    ):
        beside: Any = SimpleNamespace(
            you=SimpleNamespace(effect=you, sd=1.0), they=SimpleNamespace(effect=they, sd=1.0)
        )
        assert together._leans(beside, ("low", "high")) == said
