"""Run commands and steps, lock files between runs, and replace files whole."""
