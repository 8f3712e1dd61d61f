from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from webapp.ui.pages import endpoints


def test_the_example_names_the_address_at_which_the_page_is_read():
    request: Any = SimpleNamespace(headers={"origin": "https://music.example:8443", "host": "inside:7860"})
    assert 'Client("https://music.example:8443")' in endpoints.with_address(request)
