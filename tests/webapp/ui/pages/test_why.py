from __future__ import annotations

from types import SimpleNamespace

from webapp.ui.pages.taste import why

MUSIC = SimpleNamespace(image_url="")


def changed(chance: float, words: str = "sparser", became=("sparser", "softer")) -> SimpleNamespace:
    heard = SimpleNamespace(chance=chance, gain=chance - 0.5, sd=0.1)
    return SimpleNamespace(part="rhythm", words=words, became=list(became), heard=heard, piece=MUSIC)


def test_where_no_style_explains_it_no_figure_is_given():
    doubtful = SimpleNamespace(chance=0.9, parts=[SimpleNamespace(part="rhythm", confidence=0.6)] * 7)
    assert "90" not in why.chance_text(doubtful)
    assert "don't tell yet" in why.chance_text(doubtful)
    told = SimpleNamespace(
        chance=0.9, parts=[SimpleNamespace(part="rhythm", confidence=confidence) for confidence in (0.6, 0.9)]
    )
    assert "90 times in 100" in why.chance_text(told)


def test_what_promises_no_more_than_a_coin_is_not_called_better() -> None:
    for chance, better in ((0.5, False), (0.52, False), (0.61, True)):
        assert why.is_better(changed(chance)) == better
