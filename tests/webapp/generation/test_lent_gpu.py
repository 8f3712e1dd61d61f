"""A GPU that is lent for seconds: what is drafted there is what the processor drafts, and a refusal stops nothing.

No ZeroGPU is here, so a stand-in has the face of its package ``spaces``.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from models.style.drafting import draft_each
from webapp.generation import engine
from webapp.generation.engine import LENT_SECONDS, LentGPU

DOMAINS, SEEDS = ["pop", "dance"], [3, 4]


class Lender(ModuleType):
    """``spaces``: ``@spaces.GPU(duration=…)``, which calls what it decorates, or refuses as ZeroGPU does."""

    def __init__(self) -> None:
        super().__init__("spaces")
        self.began, self.asked, self.seconds, self.refuses, self.silent = 0, 0, 0, False, False
        self.zero = SimpleNamespace(startup=self._begin)

    def _begin(self) -> None:
        if self.silent:
            raise ConnectionError("nobody answers")
        self.began += 1

    def GPU(self, *, duration):  # noqa: N802 (its name)
        self.seconds = duration

        def decorate(function):
            def there(*given):
                self.asked += 1
                if self.refuses:
                    raise RuntimeError("GPU quota exceeded")
                return function(*given)

            return there

        return decorate


@pytest.fixture
def lender(monkeypatch):
    made = Lender()
    monkeypatch.setitem(sys.modules, "spaces", made)
    return made


def notes_of(drafts):
    return [draft.to_json() for draft in drafts]


def test_what_is_drafted_on_a_lent_gpu_is_what_the_processor_drafts(lender, composer):
    lent = LentGPU(composer)
    assert (lender.began, lender.seconds) == (1, LENT_SECONDS)
    assert notes_of(lent(DOMAINS, SEEDS)) == notes_of(draft_each(composer, DOMAINS, SEEDS))
    assert lender.asked == 1


def test_where_none_is_lent_the_processor_drafts_and_it_is_not_asked_for_some_time(lender, composer, monkeypatch):
    lent, lender.refuses = LentGPU(composer), True
    expected = notes_of(draft_each(composer, DOMAINS, SEEDS))
    assert notes_of(lent(DOMAINS, SEEDS)) == notes_of(lent(DOMAINS, SEEDS)) == expected
    assert lender.asked == 1
    lender.refuses = False
    monkeypatch.setattr(engine.time, "monotonic", lambda: lent._refused_until + 1)
    assert notes_of(lent(DOMAINS, SEEDS)) == expected
    assert lender.asked == 2


def test_where_the_lender_does_not_answer_at_the_start_the_processor_drafts_and_it_is_asked_later(
    lender, composer, monkeypatch
):
    lender.silent = True
    lent, expected = LentGPU(composer), notes_of(draft_each(composer, DOMAINS, SEEDS))
    assert notes_of(lent(DOMAINS, SEEDS)) == expected
    assert (lender.began, lender.asked) == (0, 0)
    lender.silent = False
    monkeypatch.setattr(engine.time, "monotonic", lambda: lent._refused_until + 1)
    assert notes_of(lent(DOMAINS, SEEDS)) == notes_of(lent(DOMAINS, SEEDS)) == expected
    assert (lender.began, lender.asked) == (1, 2), "begun once, before anything is lent"
