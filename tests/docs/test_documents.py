import re
import tomllib
from pathlib import Path

import pytest
import yaml

from webapp.__main__ import parser
from webapp.runtime.limits import KINDS
from webapp.runtime.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "models" / "weights").rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(text: str) -> set[str]:
    """What GitHub calls the headings."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def commands(text: str) -> str:
    """All code of a document."""
    return "\n".join(FENCED.findall(text) + re.findall(r"`([^`\n]+)`", FENCED.sub("", text)))


def test_every_link_leads_somewhere() -> None:
    for document, link in ((each, link) for each in DOCUMENTS for link in LINK.findall(each.read_text("utf-8"))):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{document}: {link} leads nowhere"
        assert target.is_relative_to(ROOT), f"{document}: {link}"
        assert not anchor or anchor in anchors(target.read_text("utf-8")), f"{document}: {link} has no such heading"


def test_every_command_is_there() -> None:
    code = "\n".join(commands(document.read_text(encoding="utf-8")) for document in DOCUMENTS)
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(re.findall(r"\bmake ([a-z][a-z-]*)", code)) <= set(targets)
    for module in re.findall(r"-m (models\.[\w.]+)", code):
        assert module.endswith(".NAME") or (ROOT / f"{module.replace('.', '/')}.py").exists(), module
    known = re.search(r"\{([\w,-]+)\}", parser().format_usage())
    assert known is not None
    assert set(re.findall(r"\bkallos ([a-z][a-z-]*)", code)) <= set(known[1].split(","))


def test_operations_name_every_setting() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for name in Settings.model_fields:
        assert f"`KALLOS_{name.upper()}`" in text


def test_operations_name_every_kind_of_file_that_can_be_uploaded() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    (told,) = re.findall(r"^These can be uploaded: .*$", text, flags=re.MULTILINE)
    assert sorted(re.findall(r"`(\.\w+)`", told)) == sorted(KINDS)


def test_the_notice_names_what_is_shipped_where_it_lies() -> None:
    for path in re.findall(r"^- ([\w/]+):", (ROOT / "NOTICE").read_text(encoding="utf-8"), flags=re.MULTILINE):
        assert (ROOT / path).is_dir(), path


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])


@pytest.mark.slow
@pytest.mark.parametrize("card", sorted((ROOT / "models" / "weights").glob("*/README.md")), ids=name_of)
def test_the_examples_of_a_model_card_run(card) -> None:
    for example in re.findall(
        r"^```python\n(.*?)^```", card.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    ):
        exec(compile(example, card.parent.name, "exec"), {})
