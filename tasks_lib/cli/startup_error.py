"""Say why nothing was run, before there is a report to say it; a Python as old as 3.6 must be able to read this."""

import os
import sys


def refuse(  # noqa: PLR0913, PLR0917 - each is one part of an answer
    argv: "list[str]",
    code: int,
    message: str,
    remedy: str,
    seconds: float,
    title: str = "tool environment",
    error_code: str = "tool_environment_failed",
) -> int:
    """Say why nothing was run, on stdout as the one JSON document too if `argv` asks for that, and give `code`."""
    sys.stderr.write(f"mlops-lab: {message}{' Next: ' + remedy if remedy else ''}\n")
    asked = " ".join(argv).replace("=", " ")
    if "--json" in argv or "--format json" in asked:
        import json  # noqa: PLC0415 - 10 ms that only a refusal needs

        took = round(seconds, 3)
        result: dict[str, object] = {
            "id": "error." + title.replace(" ", "_"),
            "status": "error",
            "title": title,
            "detail": message,
            "remedy": remedy,
            "file": None,
            "line": None,
            "seconds": took,
            "code": error_code,
            "remedy_argv": [],
        }
        document = {
            "schema": "mlops-lab/1",
            "command": next(
                (word for word in argv if not word.startswith("-")), ""
            ),  # the first task
            "status": "error",
            "exit_code": code,
            "project": os.getcwd(),  # noqa: PTH109 - no pathlib on the way to a refusal
            "combo": None,
            "seconds": took,
            "results": [result],
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    return code
