"""A researcher designs a study in a browser; three people take part at phone width, and one of them withdraws."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from models.music.midi import write_midi
from models.music.notes import Piece
from tests.e2e.accessibility import ACTS, accessible, expect_accessible
from tests.e2e.sound_clock import listen_until

pytestmark = pytest.mark.slow

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PEOPLE = 3
PAIRS = 2


def tune(low: int, number: int) -> Piece:
    """Some notes from a pitch on."""
    return Piece(
        notes=np.array([[t * 24, 24, low + (number * 5 + t) % 12, 70] for t in range(12)]),
        bars=np.array([[i * 96, 96, 4, 4] for i in range(3)]),
        tempo_bpm=np.full(3, 200.0),
    )


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A zip file of two systems with the same two tunes."""
    path = tmp_path / "clips.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for system, low in (("high", 72), ("low", 48)):
            for number in range(2):
                packed.writestr(f"{system}/tune{number}.mid", write_midi(tune(low, number)))
    return path


def design(page: Page, studies: str, clips: Path) -> str:
    """Make a study with the form and open it; the participants' link."""
    page.goto(studies)
    expect_accessible(page)
    page.get_by_label("Title").fill("High or low?")
    dashes = "element => [getComputedStyle(element).borderTopStyle, getComputedStyle(element).borderTopWidth]"
    assert page.locator("#study-clips").evaluate(dashes) == ["dashed", "1px"], "one sees where a file can be dropped"
    page.locator("#study-clips input[type=file]").set_input_files(clips)
    expect(page.locator("#study-clips")).to_contain_text("clips")
    for name, value in (("pairs", PAIRS), ("repeats", 0), ("checks", 0), ("quota", PEOPLE)):
        page.locator(f"#study-{name} input").fill(str(value))
    page.locator("#study-before textarea").fill("Do you play? | yes | no")
    page.get_by_label("Check for headphones first").uncheck()
    page.get_by_label("Where they go at the end").fill("https://example.org/done")
    page.get_by_role("button", name="Make the study").click()
    page.wait_for_url(lambda address: "key=" in address and address != studies)
    expect(page.get_by_text("4 clips of high, low")).to_be_visible()
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_test_id("study-tried")).to_contain_text("came through, with 2 pairs")
    page.get_by_role("button", name="Open the study").click()
    expect(page.get_by_text("Open. Participants can begin.")).to_be_visible()
    return str(page.get_by_test_id("study-participants").get_attribute("href"))


def require_names(page: Page) -> None:
    """A screen reader can say what everything is that one can act on, and what the page is about."""
    tree = accessible(page)
    assert [node for node in tree if node[0] in ACTS and not node[1]] == []
    assert len([name for role, name, level in tree if role == "heading" and level == 1]) == 1


def require_seen(mark: Locator) -> None:
    """One sees whether a box is ticked: its middle changes by a contrast of 3 at least (WCAG 2.2, 1.4.11)."""
    before, _, after = middle(mark), mark.check(), middle(mark)
    low, high = np.minimum(before, after), np.maximum(before, after)
    assert ((high + 0.05) / (low + 0.05)).max() >= 3


def middle(mark: Locator) -> np.ndarray:
    """The relative luminance of the pixels in the middle of a box."""
    pixels = np.asarray(Image.open(io.BytesIO(mark.screenshot())).convert("RGB")) / 255
    height, width = pixels.shape[0] // 3, pixels.shape[1] // 3
    linear = np.where(pixels <= 0.04045, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)
    return linear[height:-height, width:-width] @ np.array([0.2126, 0.7152, 0.0722])


def agree(page: Page, link: str, number: int) -> None:
    """Open the link as a panel gives it, agree, and answer the question."""
    page.goto(f"{link}&PROLIFIC_PID=person-{number}")
    page.get_by_test_id("study-age").fill("17")
    require_names(page)
    require_seen(page.get_by_test_id("study-consent"))
    page.get_by_test_id("study-join").click()
    expect(page.locator("[data-part=error]")).to_contain_text("18 years or older")
    page.get_by_test_id("study-age").fill(str(30 + number))
    page.get_by_test_id("study-join").click()
    require_seen(page.get_by_label("yes"))
    page.get_by_test_id("study-answer").click()
    expect(page.get_by_test_id("player-a")).to_be_enabled()
    require_names(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def exported(page: Page) -> pd.DataFrame:
    """The answers of the dataset that the page offers now."""
    with page.expect_download() as download:
        page.get_by_test_id("study-dataset").click()
    with zipfile.ZipFile(download.value.path()) as packed:
        return pd.read_csv(io.BytesIO(packed.read("answers.csv")))


@pytest.mark.walk
def test_a_study_is_designed_taken_part_in_exported_and_left(site, visit, clips: Path) -> None:
    researcher = visit().page
    link = design(researcher, site.studies, clips)
    people = [visit(**PHONE, color_scheme=scheme).page for scheme in ("light", "dark", "light")]
    for number, page in enumerate(people):
        agree(page, link, number)
        page.get_by_test_id("player-a").click()  # B follows
    for done in range(PAIRS):
        for page in people:
            expect(page.locator("[data-part=place]")).to_have_text(f"Pair {done + 1} of {PAIRS}")
            listen_until(page, "!document.querySelector('[data-testid=study-left]').disabled")  # it sounds by itself
            page.get_by_test_id("study-left").click()
    for page in people:
        expect(page.get_by_test_id("study-complete")).to_have_attribute("href", "https://example.org/done")
    people[1].reload()
    expect(people[1].get_by_test_id("study-thanks")).to_be_visible()

    late = visit(**PHONE).page
    late.goto(link)
    expect(late.get_by_text("all the participants that it needs")).to_be_visible()

    researcher.reload()
    expect(researcher.get_by_test_id("study-completed")).to_have_text(str(PEOPLE))
    before = exported(researcher)
    assert (before["participant"].nunique(), len(before)) == (PEOPLE, PEOPLE * PAIRS)
    leaving = visit(**PHONE).page
    leaving.goto(people[0].get_by_test_id("study-link").input_value())  # on another device, by the link alone
    leaving.get_by_test_id("study-delete").click()
    expect(leaving.get_by_text("All of your answers were deleted")).to_be_visible()
    after = exported(researcher)
    assert (after["participant"].nunique(), len(after)) == (PEOPLE - 1, (PEOPLE - 1) * PAIRS)
    with researcher.context.expect_page() as opened:
        researcher.get_by_test_id("study-report").click()
    expect(opened.value.get_by_text("high over low").first).to_be_visible()


@pytest.fixture
def begin(site, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """``begin(template, design, items)``: an open study of a tune by each of two systems for each item; its links."""

    def make(template: str, design: str, *items: str) -> dict[str, str]:
        music = tmp_path / "music"
        music.mkdir()
        lines = ["clip,system,item"]
        for number, (item, (system, low)) in enumerate(product(items, (("high", 72), ("low", 48)))):
            (music / f"{number}.mid").write_bytes(write_midi(tune(low, number)))
            lines.append(f"{number}.mid,{system},{item}")
        (music / "clips.csv").write_text("\n".join(lines), encoding="utf-8")
        (tmp_path / "design.toml").write_text(design, encoding="utf-8")
        command = ["study", "create", "--template", template, "design.toml", "--clips", "music", "--open"]
        made = subprocess.run(
            [sys.executable, "-m", "webapp", *command, "--url", site.url], cwd=tmp_path, env=site.environment,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return {name: link.strip() for name, link in (line.split(":", 1) for line in made.stdout.splitlines())}

    return make


def join(page: Page, link: str) -> None:
    """Open the link, and agree."""
    page.goto(link)
    page.get_by_test_id("study-age").fill("30")
    page.get_by_test_id("study-consent").check()
    page.get_by_test_id("study-join").click()


def test_a_clip_s_mood_is_rated_by_keys_once_it_was_heard(visit, begin) -> None:
    design = "headphone_check = false\nseconds = 4\nmoods = []\n[pairs]\nper_participant = 2\nrepeats = 0"
    links = begin("mood", f"{design}\nattention_checks = 0", "happy")
    page = visit(**PHONE).page
    join(page, links["participants"])
    for number in range(2):
        expect(page.locator("[data-part=clip]")).to_have_text(f"Clip {number + 1} of 2")
        expect(page.get_by_test_id("study-play")).to_be_enabled()
        require_names(page)
        page.get_by_test_id("study-valence").press("End")
        page.get_by_test_id("study-arousal").press("Home")
        expect(page.get_by_test_id("study-rate")).to_be_disabled()
        page.get_by_test_id("study-play").press("Enter")
        listen_until(page, "!document.querySelector('[data-testid=study-rate]').disabled")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.get_by_test_id("study-rate").press("Enter")
    expect(page.get_by_test_id("study-thanks")).to_be_visible()
    researcher = visit().page
    researcher.goto(links["researcher"])
    answers = exported(researcher)
    assert list(zip(answers["outcome"], answers["valence"], answers["arousal"], strict=True)) == [("rated", 1, -1)] * 2


def test_a_film_goes_on_with_the_music_that_is_for_it(visit, begin) -> None:
    design = "headphone_check = false\nseconds = 4\npictures = []\n[pairs]\nper_participant = 1\nrepeats = 0"
    links = begin("fit", f"{design}\nattention_checks = 0", "on-the-road")
    page = visit(**PHONE).page
    join(page, links["participants"])
    first = page.locator("[data-part=film] > g").first
    expect(first).to_have_attribute("transform", re.compile("matrix"))
    before = first.get_attribute("transform")
    page.get_by_test_id("player-a").click()
    listen_until(page, "!document.querySelector('[data-testid=study-left]').disabled")
    assert first.get_attribute("transform") != before
    page.get_by_test_id("study-left").click()
    expect(page.get_by_test_id("study-thanks")).to_be_visible()
