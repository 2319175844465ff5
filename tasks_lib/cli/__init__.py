"""The command line: the Invoke program, the runner that answers for a task, and completion."""
