import socket
import threading
import time
from contextlib import contextmanager

import pytest
import uvicorn

from models.style.checkpoint import tiny_style
from models.style.compose import Composer
from models.style.decode import DecodeBatch
from webapp.generation.engine import Engine
from webapp.generation.server import create_app


class SlowBatch(DecodeBatch):
    """Decodes what a batch decodes, a hundredth of a second later."""

    def step(self):
        time.sleep(0.01)
        return super().step()


class SlowComposer(Composer):
    def new_batch(self, slots):
        return SlowBatch(self.model, self.device, slots)


@pytest.fixture(scope="session")
def composer():
    return Composer(tiny_style())


@pytest.fixture
def engine(composer):
    engine = Engine(composer, slots=4, queue=32)
    yield engine
    engine.close()


@pytest.fixture
def slow_engine():
    engine = Engine(SlowComposer(tiny_style()), slots=2, queue=2)
    yield engine
    engine.close()


@contextmanager
def http_server(engine):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(create_app(engine), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def url(engine):
    with http_server(engine) as url:
        yield url


@pytest.fixture
def slow_url(slow_engine):
    with http_server(slow_engine) as url:
        yield url
