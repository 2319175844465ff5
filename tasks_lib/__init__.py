"""Drive a project's two environment layers, and keep them from destroying each other."""

__version__ = "0.1.0"
