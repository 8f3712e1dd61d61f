from __future__ import annotations

from pathlib import Path

import pytest

from webapp.runtime.errors import NotAllowed
from webapp.ui.endpoints.endpoint import file_for
from webapp.ui.endpoints.listening import bring, delete, export


def test_an_import_whose_answer_was_lost_is_repeated_by_its_key_alone(context, live):
    who = live(2)
    token = context.tokens.give(who)
    data = Path(export(context, token)["path"]).read_bytes()
    delete(context, token)

    def brought(key: str) -> str:
        return bring(context, file_for(context, who, "kallos-listener.zip", data), key=key)

    tokens = [brought("k" * 20) for _ in range(2)]
    assert {context.tokens.read(each).listener_id for each in tokens} == {who}
    for other in ("other" * 5, "", "short"):
        with pytest.raises(NotAllowed):
            brought(other)
