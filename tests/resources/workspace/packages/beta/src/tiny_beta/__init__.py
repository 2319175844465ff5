"""Hold nothing: this member is for its metadata."""
