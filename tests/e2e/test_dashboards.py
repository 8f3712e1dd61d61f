"""The dashboards over a study really trained: followed while a run goes on, taken along, reopened by their link."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from models.experiments.run_log import rows
from tests.e2e.accessibility import expect_accessible

pytestmark = pytest.mark.slow

PLOTS = ("variants", "curves", "ranks", "nearest", "probe", "ablations", "probe_ablations")


LAST = "bag-bag-no_word_order-1"
SLOW_MS = 90_000  # for seven plots at once on a machine that trains beside us


def folder_of(site) -> Path:
    return site.log.parent / "runs" / "study"


def of_run(study: Path, name: str) -> list[str]:
    return (study / name / "log.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)


def taken(page: Page, plot: str, form: str) -> bytes:
    with page.expect_download() as download:
        page.locator(f"#exports-{plot} [data-take={form}]").click()
    assert download.value.suggested_filename == f"kallos-{plot}.{form}"
    return Path(download.value.path()).read_bytes()


def drawn(page: Page, plot: str) -> Locator:
    return page.locator(f"#plot-{plot} .js-plotly-plot .main-svg").first


def choose(page: Page, name: str, option: str | int) -> str:
    """Choose from one of Gradio's lists, by what is written or by place; what is written there."""
    field = page.locator(f"#choose-{name} input")
    field.click()
    options = page.get_by_role("option")
    entry = options.nth(option) if isinstance(option, int) else page.get_by_role("option", name=option, exact=True)
    written = entry.get_attribute("aria-label") or ""
    entry.click()
    expect(field).to_have_value(written)
    expect(options).to_have_count(0)  # a list that still fades out would be met when the next one opens
    return written


def test_an_empty_page_says_what_fills_it_and_follows_a_study_to_its_end(site, visit, study: Path) -> None:
    visitor = visit()
    page = visitor.page
    page.goto(f"{site.url}/retrieval")
    expect(page.locator("#fill")).to_contain_text("models.train.title_study")  # nothing is there yet

    # all but the last run, which is in its midst, and the results
    folder, log = folder_of(site), of_run(study, LAST)
    for path in study.glob("*/log.jsonl"):
        (folder / path.parent.name).mkdir(parents=True)
        text = "".join(log[:30]) if path.parent.name == LAST else path.read_text(encoding="utf-8")
        (folder / path.parent.name / "log.jsonl").write_text(text, encoding="utf-8")
    expect(page.locator("#going")).to_contain_text("7 of 8 runs have ended; it goes on", timeout=SLOW_MS)
    expect(page.locator("#exports-ablations [data-part=empty]")).to_contain_text("evaluated once")
    with (folder / LAST / "log.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(log[30:])
    expect(page.locator("#going")).to_contain_text("8 of 8 runs have ended", timeout=SLOW_MS)
    shutil.copy(study / "log.jsonl", folder / "log.jsonl")

    for plot in PLOTS:
        expect(drawn(page, plot)).to_be_visible(timeout=SLOW_MS)
    expect(page.locator("#variants .virtual-row")).to_have_count(3)  # two variants and the ridge
    about = rows(study / "log.jsonl")[0]
    page.get_by_role("button", name="In figures").first.click()
    expect(page.locator("#ablations-table .virtual-row")).to_have_count(2)
    expect(page.locator("#exports-ablations [data-part=source]")).to_contain_text(about["commit"][:12])


@pytest.mark.walk
def test_a_view_is_taken_along_and_reopened_by_its_link(site, visit, study: Path) -> None:
    shutil.copytree(study, folder_of(site), dirs_exist_ok=True)
    visitor = visit(accept_downloads=True, viewport={"width": 1280, "height": 900})
    page, about = visitor.page, rows(study / "log.jsonl")[0]
    page.goto(f"{site.url}/retrieval")
    expect(page.locator("#exports-ablations [data-take=svg]")).to_be_enabled(timeout=SLOW_MS)
    written = choose(page, "query", 2)
    choose(page, "condition", "cnn-rnn")
    expect(page.locator("#confused h3").first).to_contain_text("cnn-rnn-")
    expect_accessible(page)
    [asked] = parse_qs(urlsplit(page.url).query)["query"]
    table = list(csv.reader(io.StringIO(taken(page, "ranks", "csv").decode().partition("\n")[2])))
    logged = [
        [f"cnn-rnn-{seed}", str(row["step"]), str(row["rank"])]
        for seed in (0, 1)
        for row in rows(study / f"cnn-rnn-{seed}" / "log.jsonl")
        if row.get("query") == asked and row["direction"] == "title_to_melody"
    ]
    assert [line[:3] for line in table[1:]] == logged
    assert taken(page, "variants", "png").startswith(b"\x89PNG")
    drawing = taken(page, "ablations", "svg").decode()
    assert drawing.startswith("<svg")
    assert about["data"] in drawing
    assert ">Ablations</text>" in drawing

    visitor.get("view-link").click()
    link = page.get_by_role("textbox", name="Link to this view").input_value()
    other = visit(viewport={"width": 390, "height": 800}, color_scheme="dark")
    other.page.goto(link)
    expect(other.page.locator("#choose-condition input")).to_have_value("cnn-rnn")
    expect(other.page.locator("#choose-query input")).to_have_value(written)

    expect(drawn(other.page, "curves")).to_be_visible(timeout=SLOW_MS)
    assert other.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.walk
def test_all_runs_of_a_study_are_chosen_together_and_smoothed(site, visit, study: Path) -> None:
    shutil.copytree(study, folder_of(site), dirs_exist_ok=True)
    page = visit().page
    page.goto(f"{site.url}/runs?runs=study/bag-bag-0")
    losses = page.locator("#panel-0 .js-plotly-plot")
    expect(losses.locator(".gtitle")).to_have_text("loss", timeout=SLOW_MS)
    expect(page.locator("#legend li")).to_have_count(1)
    page.locator("#choose-runs input").click()
    page.get_by_role("option", name="all 8 of study").click()
    expect(page.locator("#legend li")).to_have_count(8, timeout=SLOW_MS)
    expect(page.locator("#legend li").last).to_contain_text("step 6 of 6, ended")
    page.keyboard.press("Escape")
    expect_accessible(page)
    expect(page.locator("#runs thead")).to_contain_text(LAST)
    expect(page.locator("#runs")).to_contain_text(rows(study / "log.jsonl")[0]["data"])
    logged = [row["values"]["loss"] for row in map(json.loads, of_run(study, LAST)) if row.get("part") == "train"]
    drawn_lines = "document.querySelector('#panel-0 .js-plotly-plot').data.map(({name, y}) => [name, y])"
    assert dict(page.evaluate(drawn_lines))[f"study/{LAST}, train"] == logged
    page.get_by_role("slider", name="Smoothing").focus()
    page.keyboard.press("End")
    page.keyboard.press("Tab")
    expect(page).to_have_url(re.compile("smoothing=0.95"))
    page.wait_for_function(f"{drawn_lines}.length === 16")
    assert taken(page, "runs", "png").startswith(b"\x89PNG")
    lines = taken(page, "runs", "csv").decode().splitlines()
    assert lines[1] == "run,part,figure,step,value"
