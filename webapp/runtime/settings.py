"""The settings of Kallos: environment variables with the prefix ``KALLOS_``, every one optional."""

from __future__ import annotations

import difflib
import hashlib
import hmac
import ipaddress
import os
import re
import secrets
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.style.bundle import SHIPPED_STYLE
from webapp.runtime.middleware import A_PATH

WORDS = {  # where pydantic's are many, or tell no way out
    "int_parsing": "it must be a whole number",
    "bool_parsing": "it must be 0 or 1",
    "less_than_equal": "it may be {le} at most; choose a smaller one",
    "greater_than_equal": "it must be {ge} at least; choose a larger one",
}
OF_TESTS = {"KALLOS_REQUIRE_WEBKIT", "KALLOS_CHROMIUM"}
POSTGRES = {"postgresql", "postgres", "postgresql+psycopg"}


class SettingError(Exception):
    """A setting that can't be used: which one, what was given and what is needed, in one line."""


class Settings(BaseSettings):
    """What the operator chose; ``Settings()`` reads the environment, arguments override it (tests)."""

    model_config = SettingsConfigDict(env_prefix="KALLOS_", extra="ignore", frozen=True, env_ignore_empty=True)

    home: Path = Field(default_factory=lambda: user_data_path("kallos"))
    database_url: str = ""
    store_url: str = ""
    journal_url: str = ""  # where the journal is copied to as it grows, and brought back from where the disk is empty
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
    root_path: str = ""  # below which path the pages lie, such as /kallos; what a trusted proxy says where empty
    trusted_proxies: str = "127.0.0.1,::1"  # whose X-Forwarded-For is believed, addresses or networks by commas
    frame_ancestors: str = "*"  # which sites may show the pages in a frame, as a Content-Security-Policy says it
    generator_secret: str = Field(default="", repr=False)  # which the generation server asks for, beyond one machine
    research_key: str = Field(default="", repr=False)  # who has it sees the results of every study
    study_generators: str = ""  # origins that a study's design may ask for clips, by commas
    metrics_key: str = Field(default="", repr=False)  # who sends it sees /metrics
    mcp: bool = False  # whether the named endpoints are MCP tools as well; needs the extra mcp
    gifts: Literal["written", "asked"] = "written"  # what is composed for somebody: drafts alone, or what is asked for
    model: str = ""  # folder of a style model of one's own (OUT/bundle of a training); the shipped one where empty

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator("device")
    @classmethod
    def _known_device(cls, device: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
            raise ValueError("it must be auto, cpu, cuda or a device such as cuda:1")
        return device

    @field_validator("generator_url")
    @classmethod
    def _web_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("it must be an address such as http://127.0.0.1:7861")
        return url

    @field_validator("store_url", "journal_url")
    @classmethod
    def _store(cls, url: str) -> str:
        protocol, apart, _ = url.partition("://")
        if apart:
            from fsspec import get_filesystem_class  # noqa: PLC0415 (where one is named)

            try:
                get_filesystem_class(protocol.rpartition("::")[2])
            except (ValueError, ImportError) as error:
                raise ValueError(
                    f"it must be a folder or an fsspec URL such as s3://BUCKET/FOLDER ({error})"
                ) from error
        return url

    @field_validator("frame_ancestors")
    @classmethod
    def _sources(cls, given: str) -> str:
        if not re.fullmatch(r"[\w:/.*'\[\] -]+", given):
            raise ValueError("it must be *, 'self', 'none' or sites such as https://example.org, with spaces between")
        return given

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, given: str) -> str:
        for one in _parts(given, ","):
            try:
                if one != "*":
                    ipaddress.ip_network(one)
            except ValueError as error:
                raise ValueError("it must be addresses or networks such as 10.0.0.0/8, separated by commas") from error
        return given

    @field_validator("root_path")
    @classmethod
    def _path(cls, given: str) -> str:
        if given.rstrip("/") and not A_PATH.fullmatch(given.rstrip("/")):
            raise ValueError("it must be empty or a path such as /kallos")
        return given.rstrip("/")

    @field_validator("study_generators")
    @classmethod
    def _origins(cls, given: str) -> str:
        for one in _parts(given, ","):
            parts = urlsplit(one)
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"}:
                raise ValueError("it must be origins such as https://example.org or http://127.0.0.1:9000, by commas")
        return given

    @field_validator("corpora")
    @classmethod
    def _folder(cls, folder: str) -> str:
        if folder and not Path(folder).expanduser().is_dir():
            raise ValueError("there is no such folder")
        return folder

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, url: str) -> str:
        if url and urlsplit(url).scheme not in POSTGRES:
            raise ValueError("it must be a Postgres address such as postgresql+psycopg://USER@HOST/NAME")
        return url

    @property
    def clip_store_url(self) -> str:
        """fsspec URL of the clip store; the folder ``clips`` of ``KALLOS_HOME`` where none was given."""
        return self.store_url or str(self.home / "clips")

    @property
    def journal_folder(self) -> Path:
        """Where the vote journal lies."""
        return self.home / "journal"

    @property
    def journal_copy_url(self) -> str:
        """Where the journal is copied to; empty where that is the journal's own folder."""
        here = str(self.journal_folder)
        return "" if self.journal_url.removeprefix("file://").rstrip("/") == here else self.journal_url

    @property
    def forgets(self) -> bool:
        """Whether votes are lost with the disk: on a Hugging Face Space, unless something elsewhere keeps them."""
        return "SPACE_ID" in os.environ and not self.journal_copy_url and not self.database_url

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
        """Make ``KALLOS_HOME`` (only its owner may write; Postgres may run as another user and must pass).

        Raises ``SettingError`` where that can't be, or nothing can be written there.
        """
        try:
            self.home.mkdir(parents=True, exist_ok=True, mode=0o755)
        except OSError as error:
            raise SettingError(f"KALLOS_HOME={self.home}: the folder can't be made ({error.strerror})") from error
        if not os.access(self.home, os.W_OK | os.X_OK):
            raise SettingError(f"KALLOS_HOME={self.home}: nothing can be written there")

    @cached_property
    def signing_secrets(self) -> tuple[str, ...]:
        """The keys that sign listeners' tokens, the newest first, which signs: those of ``KALLOS_SECRET``, by commas.

        Or those of the file ``secret``, a line each, made once and kept with mode 0600.
        """
        if given := _parts(self.secret, ","):
            return given
        self.prepare_home()
        path = self.home / "secret"
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(48))
        return _parts(path.read_text(encoding="ascii"), "\n")

    @property
    def creators_key(self) -> str:
        """By which studies are made: ``KALLOS_RESEARCH_KEY``, or where there is none what follows from the secret."""
        if self.research_key:
            return self.research_key
        return hmac.new(self.signing_secrets[0].encode(), b"studies", hashlib.sha256).hexdigest()[:32]


def read(arguments: Mapping[str, Any]) -> Settings:
    """The environment's settings, overridden by ``arguments``; raises ``SettingError``, a line for each wrong one."""
    try:
        return Settings(**arguments)
    except ValidationError as error:
        raise SettingError("\n".join(_in_words(each, arguments) for each in error.errors())) from error


def misspelt(environment: Mapping[str, str]) -> list[str]:
    """A line for each variable that begins as a setting and is none: it changes nothing."""
    known = {f"KALLOS_{name.upper()}" for name in Settings.model_fields} | OF_TESTS
    lines = []
    for name in sorted(each for each in environment if each.startswith("KALLOS_") and each not in known):
        near = difflib.get_close_matches(name, known, 1)
        lines.append(
            f"{name} is no setting of Kallos and changes nothing{f'; did you mean {near[0]}?' if near else ''}"
        )
    return lines


def without_password(url: str) -> str:
    """An address without who asks."""
    return re.sub("//.*@", "//…@", url)


def _parts(text: str, between: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(between) if part.strip())


def _in_words(error: ErrorDetails, arguments: Mapping[str, Any]) -> str:
    name = str(error["loc"][0])
    called = f"--{name} " if name in arguments else f"KALLOS_{name.upper()}="
    given = without_password(str(error["input"]))
    told = WORDS.get(error["type"], "").format(**error.get("ctx", {})) or error["msg"].removeprefix(
        "Value error, "
    ).replace("Input", "it")
    return f"{called}{given}: {told}"


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
