from __future__ import annotations

import json

from models.style.bundle import SHIPPED_STYLE
from webapp.research.styles import tables
from webapp.runtime.settings import Settings


def test_rates_of_the_model_that_plays_name_the_data_and_the_commit_of_its_card(tmp_path) -> None:
    card = json.loads((SHIPPED_STYLE / "card.json").read_text(encoding="utf-8"))
    source = tables.draw_curve(SHIPPED_STYLE, Settings(home=tmp_path), "", "bits").source
    assert (source.data, source.commits) == ((card["data"]["hash"],), (card["commit"],))
