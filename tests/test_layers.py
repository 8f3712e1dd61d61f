"""What import-linter can't say: SQL is written below ``db`` alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

WEBAPP = Path(__file__).parent.parent / "webapp"
HELD = {"sqlalchemy": {"Engine"}, "sqlalchemy.orm": {"Session"}}  # sessions and engines are passed on
ERRORS = "sqlalchemy.exc"
ASKING = {"add", "add_all", "delete", "execute", "get", "get_one", "merge", "query", "refresh", "scalar", "scalars"}


@pytest.mark.parametrize("path", sorted(WEBAPP.rglob("*.py")), ids=lambda path: path.relative_to(WEBAPP).as_posix())
def test_the_web_application_writes_no_sql(path: Path) -> None:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names if each.name.partition(".")[0] == "sqlalchemy"]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "sqlalchemy":
            module = node.module or ""
            allowed = HELD.get(module, set())
            found += [f"{module}.{each.name}" for each in node.names if module != ERRORS and each.name not in allowed]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ASKING:
            of = node.func.value
            found += [f"session.{node.func.attr}"] if isinstance(of, ast.Name) and of.id in {"session", "s"} else []
    assert not found
