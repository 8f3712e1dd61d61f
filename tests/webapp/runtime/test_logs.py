from __future__ import annotations

import logging
import uuid
from pathlib import Path

from webapp.runtime.logs import LINE, PrivateFile, Redacted, forget_in_logs, set_up_logging


def test_a_secret_never_reaches_a_log_line() -> None:
    for message in (
        "GET /?token=s3cret&x=1",
        "Authorization: Bearer s3cret",
        "postgresql+psycopg://kallos:s3cret@db.example:5432/kallos",
        '{"secret": "s3cret"}',
    ):
        line = Redacted(LINE).format(logging.LogRecord("kallos", logging.INFO, "", 1, message, None, None))
        assert "s3cret" not in line
        assert "…" in line


def test_what_is_no_secret_stays() -> None:
    record = logging.LogRecord("kallos", logging.INFO, "", 1, "vote offer=%s url=http://h:1/x", ("abc",), None)
    assert "vote offer=abc url=http://h:1/x" in Redacted(LINE).format(record)


def test_an_id_is_forgotten_in_place_while_others_go_on_writing(tmp_path: Path) -> None:
    folder, gone, offer, other = tmp_path / "logs", *(str(uuid.uuid4()) for _ in range(3))
    folder.mkdir()
    (folder / "web.log").write_text(f"vote offer={offer} listener={gone} x\nother listener={other}\n{gone} {gone}\n")
    (folder / "web.log.1").write_text(gone)
    with (folder / "web.log").open("a") as appending:
        forget_in_logs(tmp_path, gone, str(uuid.uuid4()))
        appending.write("later\n")
    told, covered = (folder / "web.log").read_text(), "-" * 36
    assert told == f"vote offer={covered} listener={covered} x\nother listener={other}\n{covered} {covered}\nlater\n"
    assert (folder / "web.log.1").read_text() == covered
    forget_in_logs(tmp_path / "nothing here", gone)


def test_only_their_owner_reads_the_logs(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "web.log.1").touch(0o644)
    before = logging.root.handlers[:]
    try:
        set_up_logging(tmp_path, "web")
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (tmp_path / "logs").iterdir()}
    finally:
        for handler in {*logging.root.handlers} - {*before}:
            handler.close()
        logging.root.handlers[:] = before
    assert modes == {"web.log": "0o600", "web.log.1": "0o600"}


def test_two_processes_rotate_one_log_and_lose_no_line(tmp_path: Path) -> None:
    two = [PrivateFile(tmp_path / "web.log", maxBytes=400, backupCount=9) for _ in range(2)]
    written = [f"line {number:03d} of the log" for number in range(100)]
    for number, line in enumerate(written):
        two[number * number % 3 % 2].emit(logging.LogRecord("kallos", logging.INFO, "", 1, line, None, None))
    for one in two:
        one.close()
    files = [tmp_path / "web.log", *(tmp_path / f"web.log.{number}" for number in range(1, 10))]
    told = [file.read_text().splitlines() for file in reversed(files) if file.exists()]
    assert [line for lines in told for line in lines] == written
    assert {len(lines) for lines in told[:-1]} == {19}
