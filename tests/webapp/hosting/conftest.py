"""What a ``kallos serve`` of these tests is told."""

from __future__ import annotations

import pytest

from models.style.checkpoint import save_style, tiny_style


@pytest.fixture
def served_with(context, generator_url: str, space, tmp_path) -> dict[str, str]:
    """The settings of one that shares the test's database and generator."""
    bundle, model = tiny_style(), tmp_path / "model"
    save_style(model, bundle.model, bundle.prior, bundle.fingerprint, bundle.card)
    space.save(model / "taste")
    return {
        "KALLOS_DATABASE_URL": context.settings.database_url,
        "KALLOS_GENERATOR_URL": generator_url,
        "KALLOS_MODEL": str(model),
        "KALLOS_SECRET": context.settings.secret,
        "KALLOS_POOL": "2",
        "KALLOS_RUNS": str(tmp_path / "no runs"),  # named, so that no shipped run is copied there
    }
