"""Placeholder; the helper overwrites this file."""
def hint(*a): return ""
def detect(*a): return "bash"
