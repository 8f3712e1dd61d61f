"""Statements that are built once and then shared by all threads: building one costs a vote more than asking it."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from threading import Lock
from typing import Any, Generic, ParamSpec, TypeVar

from sqlalchemy import Select
from sqlalchemy.dialects import postgresql

Given = ParamSpec("Given")
Statement = TypeVar("Statement", bound=Select[*tuple[Any, ...]])


class built_once(Generic[Given, Statement]):  # noqa: N801 - a decorator
    """Builds a statement for what is given at the first call and gives the same one ever after.

    The thread that comes first builds it and compiles it, while the others wait. Two that compiled an alias of a common
    table expression at once would give its columns two identities, and every later result would be refused
    (https://github.com/sqlalchemy/sqlalchemy/issues/12302).
    """

    def __init__(self, build: Callable[Given, Statement]) -> None:
        self._build = build
        self._built: dict[Any, Statement] = {}
        self._building = Lock()
        update_wrapper(self, build)

    def __call__(self, *args: Given.args, **kwargs: Given.kwargs) -> Statement:
        """The statement for what is given."""
        key = (args, *sorted(kwargs.items()))
        with self._building:
            if key not in self._built:
                statement = self._build(*args, **kwargs)
                statement.compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]
                self._built[key] = statement
            return self._built[key]

    def forget(self) -> None:
        """Build anew, as in a process that has just started."""
        self._built.clear()
