"""Prove that a combo works, in a folder and a home of its own."""
