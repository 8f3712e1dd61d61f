"""The policies that are compared are the page's."""

import pytest

from models.taste.evaluation.policies import ALONE, mixture_of

pytestmark = pytest.mark.slow


def test_the_page_and_the_figures_use_one_mixture() -> None:
    from models.taste.policy import Mixture

    assert mixture_of("ours") == Mixture(composed=0)
    assert {mixture_of(method).control for method in ALONE} == {0.1}
