from __future__ import annotations

from types import SimpleNamespace

from webapp.ui.words import leaning, strongest


def test_what_is_said_of_a_listener_is_said_to_them():
    assert leaning("probably likes it slower") == "you probably like it slower"
    assert leaning("does not seem to mind") == "you do not seem to mind"
    assert leaning("can't tell yet") == "we can't tell yet"


def test_the_surest_liking_is_told_and_never_one_that_is_guessed_from_others():
    styles = [
        SimpleNamespace(words="likes it slow", confidence=0.8, others=None),
        SimpleNamespace(words="clearly likes it high", confidence=0.99, others=SimpleNamespace(guessed=True)),
        SimpleNamespace(words="these votes hardly tell", confidence=1.0, others=None),
        SimpleNamespace(words="probably likes it loud", confidence=0.9, others=None),
    ]
    assert strongest(styles) == styles[3]
    assert strongest(styles[2:3]) is None
