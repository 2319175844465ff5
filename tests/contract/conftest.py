"""The third layer and the third manager, registered as new ones would be."""

from __future__ import annotations

import pytest

from tasks_lib.environments import ENVIRONMENTS
from tasks_lib.managers import MANAGERS
from tests.contract.third_layer import Nix
from tests.contract.third_manager import Pdm


@pytest.fixture
def third_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register one more environment layer."""
    monkeypatch.setitem(ENVIRONMENTS, Nix.kind, Nix)


@pytest.fixture
def third_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register one more dependency manager."""
    monkeypatch.setitem(MANAGERS, Pdm.name, Pdm)
