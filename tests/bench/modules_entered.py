"""How many of our modules one vote and one request for clips enter: ``python tests/bench/modules_entered.py``.

The application runs in this process, on a Postgres of its own, with random latents for a pool. A module is entered when
one of its functions is called while the request is answered, in a thread that answers requests.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from long_history import stock
from sqlalchemy import text
from starlette.testclient import TestClient

from db.embedded import EmbeddedPostgres
from db.engine import make_engine
from db.migrate import upgrade
from models.style.drafts import first_drafts
from webapp.app import create_app
from webapp.context import Context
from webapp.runtime.settings import Settings
from webapp.supervision import Supervision

ROOT = Path(__file__).parents[2]
OURS = tuple(f"{ROOT / name}/" for name in ("models", "db", "webapp"))
WORK = ("AnyIO worker thread", "asyncio-portal")  # threads that answer requests
HEARD = {"left": 7000, "right": 7000}


class Entered:
    """The calls of our functions, counted by module, while ``on``."""

    def __init__(self) -> None:
        self.on, self.calls = False, Counter[str]()

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """What ``sys.setprofile`` calls."""
        code = frame.f_code
        ours = self.on and event == "call" and code.co_filename.startswith(OURS) and code.co_name != "<module>"
        if ours and threading.current_thread().name.startswith(WORK):
            self.calls[str(Path(code.co_filename).relative_to(ROOT))] += 1

    def during(self, client: TestClient, path: str, body: dict[str, Any]) -> Counter[str]:
        """The calls while this is posted and answered."""
        self.calls, self.on = Counter(), True
        answer = client.post(path, json=body)
        self.on = False
        answer.raise_for_status()
        return self.calls


def measure(clips: int) -> dict[str, Counter[str]]:
    """Calls by module of a vote, and of a request for clips; the second of each, when everything is warm."""
    entered = Entered()
    threading.setprofile(entered)  # threads that begin from now on
    found = {}
    with tempfile.TemporaryDirectory(prefix="kallos-entered-") as folder:
        postgres = EmbeddedPostgres(Path(folder) / "pg")
        url = postgres.start()
        upgrade(make_engine(url))
        context = Context(Settings(home=Path(folder) / "home", database_url=url))
        stock(context, clips)
        notes = next(draft.notes for draft in first_drafts("pop", context.space.version) if draft.notes)
        with context.database.engine.begin() as connection:
            connection.execute(text("UPDATE clips SET notes = :notes"), {"notes": json.dumps(notes.to_json())})
        supervision = Supervision(context, children=False)
        try:
            with TestClient(create_app(supervision=supervision, pages=False)) as client:
                supervision.ready.wait(60)
                token = client.post("/api/listener").raise_for_status().json()["listener_token"]
                client.headers["Authorization"] = f"Bearer {token}"
                waiting = client.get("/api/offers").raise_for_status().json()
                for _ in range(6):
                    body = {"outcome": "left", "heard_ms": HEARD}
                    found["vote"] = entered.during(client, f"/api/offers/{waiting[0]['offer_id']}/vote", body)
                    waiting = client.get("/api/offers").raise_for_status().json()
                found["compose"] = entered.during(client, "/api/compose", {})
        finally:
            context.close()
            postgres.stop()
            threading.setprofile(None)
    return found


def main() -> None:
    """Print the modules and how often they are entered, and one JSON object last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=150, help="in the pool")
    found = measure(parser.parse_args().clips)
    metrics = {}
    for name, calls in found.items():
        print(f"{name}: {len(calls)} modules, {sum(calls.values())} calls")
        print("".join(f"  {count:6} {module}\n" for module, count in calls.most_common()))
        metrics[f"bench.modules_entered.{name}"] = {"value": len(calls), "reference": 15, "n": 1}
    print(json.dumps({"command": "bench.modules_entered", "schema": 1, "metrics": metrics}))


if __name__ == "__main__":
    sys.exit(main())
