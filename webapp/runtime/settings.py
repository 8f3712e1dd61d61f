"""The settings of Kallos: environment variables with the prefix ``KALLOS_``, every one optional."""

from __future__ import annotations

import os
import secrets
from functools import cached_property
from pathlib import Path

from platformdirs import user_data_path
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.style.card import SHIPPED_STYLE


class Settings(BaseSettings):
    """What the operator chose; ``Settings()`` reads the environment, arguments override it (tests)."""

    model_config = SettingsConfigDict(env_prefix="KALLOS_", extra="ignore", frozen=True, env_ignore_empty=True)

    home: Path = Field(default_factory=lambda: user_data_path("kallos"))
    database_url: str = ""
    store_url: str = ""
    generator_url: str = ""
    runs: str = ""
    corpora: str = ""
    require_corpora: bool = False
    require_browser: bool = False
    host: str = "127.0.0.1"
    port: int = Field(default=7860, ge=0, le=65535)
    device: str = "auto"
    soundfont: str = ""
    secret: str = Field(default="", repr=False)
    pool: int = Field(default=48, ge=2, le=2_000)  # clips of each domain that always lie ready
    mcp: bool = False  # whether the named endpoints are MCP tools as well; needs the extra mcp
    model: str = ""  # folder of a style model of one's own (OUT/bundle of a training); the shipped one where empty

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @property
    def clip_store_url(self) -> str:
        """fsspec URL of the clip store; the folder ``clips`` of ``KALLOS_HOME`` where none was given."""
        return self.store_url or str(self.home / "clips")

    @property
    def runs_folder(self) -> Path:
        """Where logs of training runs are looked for; the folder ``runs`` of ``KALLOS_HOME`` where none was given."""
        return Path(self.runs).expanduser().absolute() if self.runs else self.home / "runs"

    @property
    def style_folder(self) -> Path:
        """The folder of the style model that plays: ``KALLOS_MODEL``, or the shipped one."""
        return Path(self.model).expanduser().absolute() if self.model else SHIPPED_STYLE

    @property
    def postgres_folder(self) -> Path:
        """Data folder of the embedded Postgres."""
        return self.home / "pg"

    def prepare_home(self) -> None:
        """Make ``KALLOS_HOME`` (only its owner may write; Postgres may run as another user and must pass)."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o755)

    @cached_property
    def signing_secret(self) -> str:
        """The key that signs listeners' tokens: ``KALLOS_SECRET``, or one made once and kept with mode 0600."""
        if self.secret:
            return self.secret
        self.prepare_home()
        path = self.home / "secret"
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(48))
        return path.read_text(encoding="ascii").strip()


def _write_once(path: Path, text: str) -> None:
    """Write ``text`` whole or not at all; where two processes race, the first one's text stays."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            if not path.exists():
                draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
