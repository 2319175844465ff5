"""The homes and projects of the integration tests; what is broken in them is each test's own."""

from __future__ import annotations

from tests.integration.conftest import cache, channel, condabin, fresh, made, new_lab

__all__ = ["cache", "channel", "condabin", "fresh", "made", "new_lab"]
