import pytest

from models.style.latents import Directions


class Recorded:
    """A generator that notes what it was asked for, and hands it on."""

    def __init__(self, generation):
        self.generation, self.requests = generation, []

    def generate(self, request):
        self.requests.append(request)
        return self.generation.generate(request)

    def __getattr__(self, name):
        return getattr(self.generation, name)


@pytest.fixture(scope="session")
def shipped_engine():
    """The shipped style model, which has a piece model and directions."""
    from models.style.bundle import SHIPPED_STYLE
    from webapp.generation.server import load_engine

    engine = load_engine(str(SHIPPED_STYLE), "cpu")
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def directions():
    from models.style.bundle import SHIPPED_STYLE

    return Directions.load(SHIPPED_STYLE)


@pytest.fixture
def generation(shipped_engine):
    return Recorded(shipped_engine)
