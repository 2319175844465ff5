"""The third layer, registered as a new one would be."""

from __future__ import annotations

import pytest

from tasks_lib.environments import ENVIRONMENTS
from tests.contract.third_layer import Nix


@pytest.fixture
def third_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register one more environment layer."""
    monkeypatch.setitem(ENVIRONMENTS, Nix.kind, Nix)
