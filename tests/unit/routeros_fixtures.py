"""The pytest plugin that starts what `routeros_lab` describes."""

import pytest
from routeros_lab import Lab, new_lab


@pytest.fixture
def ros():
    with new_lab() as server:
        yield Lab(server)
