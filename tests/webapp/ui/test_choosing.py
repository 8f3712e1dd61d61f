from __future__ import annotations

from webapp.ui import choosing
from webapp.ui.choosing import ListRequest


def test_pieces_of_one_kind_are_listed_and_a_file_leaves_no_copy_behind(context, stock, live, tmp_path):
    token = context.identity.token(live())
    stock("pop")
    found = choosing.find(context, token, "pop", "", ListRequest())
    assert len(found.rows) >= 4
    assert found.said == ""
    assert not found.timer["active"]
    waiting = choosing.find(context, token, "chorale", "", ListRequest())
    assert (waiting.rows, waiting.timer["active"]) == ([], True)
    file = tmp_path / "tune.abc"
    file.write_text("X:1\nT:The Test Jig\nM:6/8\nL:1/8\nK:D\n|:dAF DFA|dAF def|gfe fed|cBA Bcd:|\n", encoding="utf-8")
    assert choosing.bring(context, token, str(file), "dance").title == "The Test Jig"
    assert not file.exists()
