"""One project: its manifests, its workspace members, and the requirements that a user may type."""
