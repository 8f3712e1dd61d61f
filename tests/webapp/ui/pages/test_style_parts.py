from __future__ import annotations

import pytest

from webapp.runtime.errors import Overdue
from webapp.ui.pages.style_parts import patiently


def test_what_took_too_long_is_said_at_once_and_not_asked_for_again():
    asked = []

    def compose() -> None:
        asked.append(1)
        raise Overdue("the composer did not get this done in time")

    with pytest.raises(Overdue):
        patiently(compose)
    assert len(asked) == 1
