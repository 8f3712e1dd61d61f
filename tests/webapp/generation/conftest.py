import time

import numpy as np
import pytest
import torch

from models.music.notes import Piece
from models.rating.agent.policy import Adapter, save_agent
from models.style.checkpoint import tiny_style
from models.style.compose import Composer
from models.style.drafting import draft_each
from tests.serving import served
from webapp.generation.engine import Engine
from webapp.generation.protocol import GenerateRequest
from webapp.generation.server import create_app


def ask(name, **given):
    return GenerateRequest(id=name, **{"seed": 1, "deadline_ms": 60_000, **given})


def some_piece(bars=8, seed=5):
    random = np.random.default_rng(seed)
    notes = [[96 * bar + 24 * beat, 20, int(random.integers(50, 80)), 70] for bar in range(bars) for beat in range(4)]
    rows = [[96 * bar, 96, 4, 4] for bar in range(bars)]
    return Piece(np.array(notes), np.array(rows), np.full(bars, 100.0))


def slow_drafts(composer):
    """Drafts as ``composer`` writes them, each step a hundredth of a second later."""

    def draft(domains, seeds, mood, between):
        def step():
            time.sleep(0.01)
            between()

        return draft_each(composer, domains, seeds, mood, step)

    return draft


def tiny_agent(folder, writer, domains=("pop",)):
    """An agent for a tiny writer, which plays otherwise than the writer does, in a folder as they are shipped."""
    adapter = Adapter(writer.bundle.model, rank=2, seed=1)
    for up in adapter.up:
        torch.nn.init.normal_(up, std=0.1, generator=torch.Generator().manual_seed(2))
    save_agent(folder, adapter, {"preset": "tiny", "seed": 1, "writer": writer.bundle.version, "domains": [*domains]})
    return folder


@pytest.fixture(scope="session")
def composer():
    return Composer(tiny_style())


@pytest.fixture
def engine(composer):
    engine = Engine(composer, slots=4, queue=32)
    yield engine
    engine.close()


@pytest.fixture
def slow_engine(composer):
    engine = Engine(composer, slots=2, queue=2, draft=slow_drafts(composer))
    yield engine
    engine.close()


@pytest.fixture
def url(engine):
    with served(create_app(engine)) as url:
        yield url


@pytest.fixture
def slow_url(slow_engine):
    with served(create_app(slow_engine)) as url:
        yield url
