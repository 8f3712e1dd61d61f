"""The README and the documents: short, and every link, command and setting in them is there."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from webapp.__main__ import parser
from webapp.runtime.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "models" / "weights").rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LONGEST_SENTENCE = 45


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(text: str) -> str:
    """Without code blocks and tables."""
    text = FENCED.sub("", text)
    return re.sub(r"^(\||#|<!--).*$", "", text, flags=re.MULTILINE)


def anchors(text: str) -> set[str]:
    """What GitHub calls the headings."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def commands(text: str) -> str:
    """All code of a document."""
    return "\n".join(FENCED.findall(text) + re.findall(r"`([^`\n]+)`", FENCED.sub("", text)))


def test_the_readme_is_a_first_page() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(document) -> None:
    text = document.read_text(encoding="utf-8")
    for link in LINK.findall(text):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{link} leads nowhere"
        assert target.is_relative_to(ROOT)
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), f"{link} has no such heading"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_sentences_can_be_said_aloud(document) -> None:
    paragraphs = re.split(r"\n\s*\n|\n[-*\d]+\.? ", prose(document.read_text(encoding="utf-8")))
    sentences = [each for paragraph in paragraphs for each in re.split(r"(?<=[.!?:;])\s", paragraph)]
    assert not [each for each in sentences if len(each.split()) > LONGEST_SENTENCE]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_is_there(document) -> None:
    code = commands(document.read_text(encoding="utf-8"))
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


def test_every_folder_of_weights_has_a_card_for_people() -> None:
    for folder in (ROOT / "models" / "weights").iterdir():
        assert not folder.is_dir() or (folder / "README.md").exists()


def test_every_room_is_on_the_readme_and_every_room_there_is() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:webapp|models)/[\w]+)`", text))
    tracked = subprocess.run(
        ["git", "ls-files", "webapp", "models"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    rooms = {"/".join(Path(each).parts[:2]) for each in tracked if len(Path(each).parts) > 2}
    assert rooms <= named
    assert all((ROOT / each).exists() or (ROOT / f"{each}.py").exists() for each in named)


def test_the_notice_names_what_is_shipped_where_it_lies() -> None:
    for path in re.findall(r"^- ([\w/]+):", (ROOT / "NOTICE").read_text(encoding="utf-8"), flags=re.MULTILINE):
        assert (ROOT / path).is_dir(), path


def test_the_drawing_of_the_house_is_what_import_linter_holds() -> None:
    drawing = FENCED.search((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))
    assert drawing is not None
    boxes = dict(zip(("webapp", "models"), drawing[0].split("│ uses", 1), strict=True))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for contract in project["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "layers" and contract.get("containers", ["models"]) == ["models"]:  # not inside a slice
            box = boxes["models" if "models" in contract.get("containers", []) else "webapp"]
            drawn = [set(re.findall(r"\w+", row.split("  ")[0])) for row in re.findall(r"│ (\S.*)│", box)]
            layers = [re.sub(r"\([^)]*\)", "", each).replace("webapp.", "") for each in contract["layers"]]
            rooms = [set(re.findall(r"\w+", each)) for each in layers]
            assert [each for each in drawn if each in rooms] == rooms, contract["name"]


@pytest.mark.slow
@pytest.mark.parametrize("card", sorted((ROOT / "models" / "weights").glob("*/README.md")), ids=name_of)
def test_the_examples_of_a_model_card_run(card) -> None:
    for example in re.findall(
        r"^```python\n(.*?)^```", card.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    ):
        exec(compile(example, card.parent.name, "exec"), {})
