"""Answers: one result model, and a renderer for each format. The only place that prints."""
