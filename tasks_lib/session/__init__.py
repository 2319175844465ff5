"""The run: a project, a combo and its two layers, and the transaction that a run happens in."""
