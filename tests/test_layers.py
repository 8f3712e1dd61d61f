"""What import-linter can't say: SQL is written below ``db`` alone."""

from __future__ import annotations

import ast
from pathlib import Path

WEBAPP = Path(__file__).parent.parent / "webapp"
HELD = {"sqlalchemy": {"Engine"}, "sqlalchemy.orm": {"Session"}}  # sessions and engines are passed on
ERRORS = "sqlalchemy.exc"
ASKING = {"add", "add_all", "delete", "execute", "get", "get_one", "merge", "query", "refresh", "scalar", "scalars"}


def sql(path: Path) -> list[str]:
    """What of SQLAlchemy a file uses that only ``db`` may."""
    found: list[str] = []
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
    return found


def test_the_web_application_writes_no_sql() -> None:
    files = list(WEBAPP.rglob("*.py"))
    assert len(files) > 200
    assert {path.relative_to(WEBAPP).as_posix(): found for path in files if (found := sql(path))} == {}
