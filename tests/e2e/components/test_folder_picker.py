"""Of a folder, the files that a page reads are handed over, and no others leave the browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

COMPONENT = "folder_picker"
PATIENCE_MS = 60_000


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "music"
    (place / "deeper").mkdir(parents=True)
    for name in ("10.txt", "2.TXT", "cover.png", ".DS_Store", "deeper/1.txt", "deeper/9.txt"):
        (place / name).write_text(name)
    return place


def test_files_of_our_kinds_come_the_first_by_name(shown, folder):
    page = shown()
    page.locator("input[webkitdirectory]").set_input_files(folder)
    expect(page.get_by_text("music has 4 texts; the first 3 by name are taken.")).to_be_visible()
    expect(page.get_by_label("Came")).to_have_value("2.TXT, 10.txt, 1.txt", timeout=PATIENCE_MS)


def test_a_folder_without_such_files_is_told_and_may_be_chosen_again(shown, folder):
    page = shown()
    for each in (*folder.glob("*.txt"), *folder.glob("*.TXT"), *folder.glob("deeper/*")):
        each.unlink()
    page.locator("input[webkitdirectory]").set_input_files(folder)
    expect(page.get_by_text("In music and its folders no file ends in .txt.")).to_be_visible()
    (folder / "3.txt").write_text("3")
    page.locator("input[webkitdirectory]").set_input_files(folder)
    expect(page.get_by_text("music has 1 text.")).to_be_visible()
    expect(page.get_by_label("Came")).to_have_value("3.txt", timeout=PATIENCE_MS)
