import os
from pathlib import Path

import pytest

from models.music import corpora


@pytest.fixture
def further_corpora() -> Path:
    """The folder of ``KALLOS_CORPORA``; the test is skipped without it, or fails where it is required."""
    folder = corpora.corpora_folder()
    if folder is None or not (folder / "pop1k7").is_dir():
        if os.environ.get("KALLOS_REQUIRE_CORPORA") == "1":
            pytest.fail("KALLOS_REQUIRE_CORPORA is 1, but KALLOS_CORPORA names no folder with pop1k7")
        pytest.skip("KALLOS_CORPORA is not set")
    return folder
