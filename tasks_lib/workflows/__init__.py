"""What each task does: one module for each job of the user."""
