"""The declarative base of all tables: naming convention, time with zone, decibels, and arrays of floats as bytes."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from sqlalchemy import TIMESTAMP, Dialect, Double, LargeBinary, MetaData, Text, TypeDecorator, Uuid, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

Floats = npt.NDArray[np.float32]
QUIETEST_DB = -120.0


class FloatVector(TypeDecorator[Floats]):
    """A float32 vector as little-endian bytes: read without parsing, which thousands of clips a request need."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Floats | Sequence[float] | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """Any array-like of finite numbers, flattened; raises ``ValueError`` on NaN and infinity."""
        if value is None:
            return None
        array = np.ascontiguousarray(value, dtype="<f4").reshape(-1)
        if not np.isfinite(array).all():
            raise ValueError("a stored vector must be finite")
        return array.tobytes()

    def process_result_value(self, value: Any, dialect: Dialect) -> Floats | None:  # noqa: ARG002
        """A read-only view of the stored bytes."""
        return None if value is None else np.frombuffer(value, dtype="<f4")

    def compare_values(self, x: Any, y: Any) -> bool:
        """Whether two vectors are equal, element by element."""
        return x is y or (x is not None and y is not None and bool(np.array_equal(x, y)))


class Decibels(TypeDecorator[float]):
    """A level in dB, at least ``QUIETEST_DB``: of silence it would be −inf, which JSON doesn't know."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:  # noqa: ARG002
        """What is stored."""
        return None if value is None else max(value if math.isfinite(value) else QUIETEST_DB, QUIETEST_DB)

    def process_result_value(self, value: float | None, dialect: Dialect) -> float | None:
        """What older rows say as well."""
        return self.process_bind_param(value, dialect)


class Base(DeclarativeBase):
    """Base of every mapped class."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: TIMESTAMP(timezone=True),
        uuid.UUID: Uuid(),
        str: Text(),
        float: Double(),
        dict[str, Any]: JSONB(),
        list[dict[str, Any]]: JSONB(),
    }


# the clock, not the transaction's start: rows of one transaction keep their order
Clock = Annotated[datetime, mapped_column(server_default=func.clock_timestamp())]
NewId = Annotated[uuid.UUID, mapped_column(primary_key=True, server_default=func.gen_random_uuid())]
