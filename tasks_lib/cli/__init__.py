"""The command line: the Invoke program, the runner that turns a task into an answer, and completion."""
