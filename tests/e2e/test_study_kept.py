"""Who picks or takes part in a study reads that it is kept only once it is where a lost disk does not reach."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Visitor
from tests.e2e.test_study import PHONE, agree, clips, design
from tests.e2e.waiting import wait_until
from tests.faults import Site, fill_pool

pytestmark = pytest.mark.slow

__all__ = ["clips"]
CLIPS = 4  # six pairs


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the journal is copied to."""
    return tmp_path / "place"


@pytest.fixture
def own_site(tmp_path: Path, place: Path):
    fill_pool(tmp_path / "home", CLIPS, sounding=True)
    settings = {
        "KALLOS_POOL": "2",
        "KALLOS_RUNS": str(tmp_path / "runs"),
        "KALLOS_JOURNAL_URL": str(place),
        "KALLOS_GENERATOR_URL": "http://127.0.0.1:9",  # where none answers: nothing is composed
    }
    site = Site(tmp_path / "home", tmp_path / "log", settings)
    site.url = site.url.replace("127.0.0.1", "localhost")
    yield site
    site.stop()


def tries(site: Site) -> int:
    """How often it was copied in vain."""
    return site.log.read_text(errors="replace").count("journal_not_copied_yet")


@pytest.mark.timeout(900)
def test_answers_are_called_kept_only_once_they_are(own_site: Site, place: Path, browser: Browser, clips: Path) -> None:
    own_site.wait_for_clips(CLIPS)
    contexts = [browser.new_context(), browser.new_context(), browser.new_context(**PHONE)]
    visitors = [Visitor(context, context.new_page(), own_site.url) for context in contexts]
    listener, researcher, participant = visitors[0].arrive(), visitors[1].page, visitors[2].page
    picked = listener.get("kept")
    listener.vote("skipped")
    expect(picked).to_have_text("kept")
    link = design(researcher, own_site.studies, clips)
    aside = place.with_name("aside")
    place.rename(aside)
    place.touch()  # a file where the folder was: nothing can be copied there
    agree(participant, link, 0)
    said = participant.locator("[data-part=kept]")
    expect(said).to_have_text("Your answers so far are being kept…")
    listener.vote("skipped")
    expect(picked).to_have_text("being kept…")
    tried = tries(own_site)
    wait_until(lambda: tries(own_site) > tried + 1, "it was copied again, in vain")
    expect(said).to_have_text("Your answers so far are being kept…")
    expect(picked).to_have_text("being kept…")
    assert not list(aside.rglob("participants/*"))
    place.unlink()
    aside.rename(place)
    expect(said).to_have_text("Your answers so far are kept.")
    expect(picked).to_have_text("kept")
    assert list(place.rglob("participants/*")), "they are there when it is said"
    for context in contexts:
        context.close()
