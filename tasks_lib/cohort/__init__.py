"""Many repositories, checked in one run."""
