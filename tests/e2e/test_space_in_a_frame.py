"""A Space as Hugging Face shows it: in another site's frame, as somebody without rights, on a disk that gets lost."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.e2e import sound_clock
from tests.e2e.conftest import CLIPS, Visitor
from tests.e2e.test_frame import enter, shown_in_a_frame, vote_once
from tests.webapp.hosting.test_space import Space, open_folder
from webapp.hosting.space import write_space

pytestmark = pytest.mark.slow

__all__ = ["open_folder"]


@pytest.fixture
def context(chromium, whole_browser, tmp_path):
    """A browser in which frames may keep things."""
    preferences = tmp_path / "profile" / "Default" / "Preferences"
    preferences.parent.mkdir(parents=True)
    preferences.write_text(json.dumps({"profile": {"cookie_controls_mode": 0}}))
    running = chromium.launch_persistent_context(tmp_path / "profile", **whole_browser)
    yield running
    running.close()


@pytest.mark.timeout(900)
def test_a_pick_in_a_frame_that_is_called_kept_is_there_after_the_disk_was_lost(open_folder, context) -> None:
    folder, bucket = open_folder / "space", open_folder / "bucket"
    write_space(folder)
    bucket.mkdir()
    bucket.chmod(0o777)
    space = Space(folder, open_folder / "disk-1", bucket)
    try:
        space.wait_for(CLIPS)
        sound_clock.install(context)
        visitor = Visitor(context, context.new_page(), f"http://localhost:{space.port}")
        with shown_in_a_frame(visitor.url) as host:
            enter(visitor, host)
            vote_once(visitor)
            expect(visitor.frame.locator(".k-kept")).to_have_text("kept")
            voted = visitor.votes()
            assert [outcome for _, outcome in voted] == ["left"]
            space.kill()
            space = Space(folder, open_folder / "disk-2", bucket, port=space.port)
            space.wait_for(CLIPS)
            enter(visitor, host)
            visitor.expect_picks(1)
            assert visitor.votes() == voted
    finally:
        space.kill()
    assert visitor.strangers == []
