"""Drive a project's two environment layers, and keep them from destroying each other."""

from __future__ import annotations

__version__ = "0.1.0"
