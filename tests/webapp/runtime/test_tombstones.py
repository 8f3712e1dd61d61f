from __future__ import annotations

import threading
import uuid
from pathlib import Path

from webapp.runtime.journal import Tombstones


def test_nobody_who_is_added_is_lost_while_others_are_lifted(tmp_path: Path) -> None:
    stones, back = Tombstones(tmp_path / "deleted"), [uuid.uuid4() for _ in range(100)]
    for each in back:
        stones.add(each)
    gone = [uuid.uuid4() for _ in range(100)]

    def lift() -> None:
        for each in back:
            Tombstones(stones.path).lift(each)

    lifting = threading.Thread(target=lift)
    lifting.start()
    for each in gone:
        stones.add(each)
    lifting.join()
    assert stones.among([*back, *gone]) == gone
