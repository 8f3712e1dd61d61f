from __future__ import annotations

from types import SimpleNamespace

from webapp.ui.words import strongest


def test_the_surest_liking_is_told_and_never_one_that_is_guessed_from_others():
    styles = [
        SimpleNamespace(lean="probably slow (8 in 10)", odds=0.8, others=None),
        SimpleNamespace(lean="high (decided)", odds=0.99, others=SimpleNamespace(guessed=True)),
        SimpleNamespace(lean="", odds=0.5, others=None),
        SimpleNamespace(lean="probably loud (9 in 10)", odds=0.9, others=None),
    ]
    assert strongest(styles) == styles[3]
    assert strongest(styles[1:3]) is None
