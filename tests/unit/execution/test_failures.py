"""What a user reads when a tool failed: every text here was printed by the real tool.

uv 0.13.9, Poetry 2.5.1, conda 24.7.1 and 26.7.1, micromamba 2.8.1 and py-rattler 0.28, each run once into the failure that its row names.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments import conda_messages
from tasks_lib.errors import ExitCode, LabError
from tasks_lib.execution import failures, redaction
from tasks_lib.execution.process import Command, Outcome
from tasks_lib.managers import poetry_messages
from tasks_lib.tools import uv
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

BAD, FAILED, MISSING = ExitCode.BAD_REQUEST, ExitCode.TOOL_FAILED, ExitCode.TOOL_MISSING


@dataclass(frozen=True)
class Failure:
    """What a tool printed; the words that must reach the user, in the message or its remedy; the exit code."""

    stderr: str
    words: tuple[str, ...]
    code: ExitCode
    title: str = ""
    stdout: str = ""


_USING = "Using CPython 3.11.7 interpreter at: /tools/bin/python\n"
_CONDA = "Collecting package metadata (repodata.json): ...working... done\nSolving environment: ...working... "
_POETRY = "Updating dependencies\nResolving dependencies...\n"
_POETRY_INSTALL = (
    "Installing dependencies from lock file\n\nPackage operations: 1 install, 0 updates, 0 removals\n\n"
    "  - Installing six (1.17.0)\n\n"
)
_PROBABLE = """

Probable Causes:
    - the server is not responding to requests at the moment
    - the hostname cannot be resolved by your DNS
    - your network is not connected to the internet

You can also run your poetry command with -v to see more information.
"""

UV = {
    "an audit offline": Failure(
        "error: Auditing requires network access and cannot be performed in offline mode\n",
        ("off the network", "Unset UV_OFFLINE"),
        BAD,
        "not offline",
    ),
    "offline": Failure(
        f"""{_USING}error: Failed to add dependencies
  cause: No solution found when resolving dependencies
  cause: Because boltons was not found in the cache and your project depends on boltons, we can conclude that your \
project's requirements are unsatisfiable.

hint: Packages were unavailable because the network was disabled. When the network is disabled, registry packages may \
only be read from the cache.

hint: If you want to add the package regardless of the failed resolution, provide the `--frozen` flag to skip locking \
and syncing
""",
        ("boltons was not found in the cache", "leave out --offline"),
        FAILED,
        "not cached",
    ),
    "no such package": Failure(
        f"""{_USING}error: Failed to add dependencies
  cause: No solution found when resolving dependencies
  cause: Because zz-nothing was not found in the package registry and your project depends on zz-nothing, we can \
conclude that your project's requirements are unsatisfiable.

hint: If you want to add the package regardless of the failed resolution, provide the `--frozen` flag to skip locking \
and syncing
""",
        ("'zz-nothing'", "spelling"),
        BAD,
        "unknown package",
    ),
    "no such version": Failure(
        f"""{_USING}error: Failed to add dependencies
  cause: No solution found when resolving dependencies
  cause: Because there is no version of six==99 and your project depends on six==99, we can conclude that your \
project's requirements are unsatisfiable.
""",
        ("no six==99.",),
        BAD,
        "unknown version",
    ),
    "no such package, with a marker": Failure(
        f"""{_USING}error: Failed to add dependencies
  cause: No solution found when resolving dependencies
  cause: Because there are no versions of x-nothing-zz{{os_name == 'nt'}} and your project depends on \
x-nothing-zz{{os_name == 'nt'}}, we can conclude that your project's requirements are unsatisfiable.
""",
        ("no x-nothing-zz.",),
        BAD,
        "unknown version",
    ),
    "no such version, with a marker": Failure(
        f"""{_USING}error: Failed to add dependencies
  cause: No solution found when resolving dependencies
  cause: Because there is no version of six{{os_name == 'nt'}}==99 and your project depends on six{{os_name == \
'nt'}}==99, we can conclude that your project's requirements are unsatisfiable.
""",
        ("no six==99.",),
        BAD,
        "unknown version",
    ),
    "no such repository": Failure(
        """   Updating file:///nowhere/at/all (HEAD)
error: Failed to add dependencies
  cause: Failed to download and build `tiny-git @ git+file:///nowhere/at/all`
  cause: Git operation failed
  cause: failed to fetch into: /home/me/.cache/uv/git-v2/db/2c61f294422650ef
  cause: process didn't exit successfully: `/usr/bin/git fetch --force --update-head-ok 'file:///nowhere/at/all' \
'+HEAD:refs/remotes/origin/HEAD'` (exit status: 128)
         --- stderr
         fatal: '/nowhere/at/all' does not appear to be a git
         repository
         fatal: Could not read from remote repository.
""",
        ("no git repository at /nowhere/at/all",),
        BAD,
        "unknown repository",
    ),
    "no such revision": Failure(
        """   Updating file:///srv/repo (nope)
error: Failed to add dependencies
  cause: Failed to download and build `tiny-git @ git+file:///srv/repo@nope`
  cause: Git operation failed
  cause: failed to fetch into: /home/me/.cache/uv/git-v2/db/735fb2170f9416b9
  cause: failed to fetch branch or tag `nope`
  cause: process didn't exit successfully: `/usr/bin/git fetch` (exit status: 128)
""",
        ("'nope'",),
        BAD,
        "unknown revision",
    ),
    "git host is unknown": Failure(
        """   Updating https://github.com/someone/nope.git (HEAD)
error: Failed to add dependencies
  cause: Git operation failed
  cause: failed to clone into: /home/me/.cache/uv/git-v2/db/e1a5f2107cad7c96
         --- stderr
         fatal: unable to access 'https://github.com/someone/nope.git/': Could not resolve host: github.com
""",
        ("https://github.com/someone/nope.git/ does not answer",),
        FAILED,
        "no answer",
    ),
    "conflict": Failure(
        f"""{_USING}error: No solution found when resolving dependencies
  cause: Because requests==2.31.0 depends on urllib3>=1.21.1,<3 and your project depends on requests==2.31.0, we can \
conclude that your project depends on urllib3>=1.21.1,<3.
         And because your project depends on urllib3==1.20, we can conclude that your project's requirements are \
unsatisfiable.
""",
        ("requests==2.31.0", "urllib3==1.20", "loosen"),
        BAD,
        "unsolvable",
    ),
    "index does not answer": Failure(
        f"""{_USING}error: Request failed after 3 retries in 10.8s
  cause: Failed to fetch: http://127.0.0.1:9/simple/six/
  cause: error sending request for url (http://127.0.0.1:9/simple/six/)
  cause: client error (Connect)
  cause: tcp connect error
  cause: Connection refused (os error 111)
""",
        ("http://127.0.0.1:9/simple/six/ does not answer",),
        FAILED,
        "no answer",
    ),
    "host is unknown": Failure(
        f"""{_USING}error: Request failed after 3 retries in 5.6s
  cause: Failed to fetch: http://no-such-host.invalid/simple/six/
  cause: error sending request for url (http://no-such-host.invalid/simple/six/)
  cause: client error (Connect)
  cause: dns error
  cause: error resolving DNS
  cause: failed to lookup address information: Name or service not known
""",
        ("http://no-such-host.invalid/simple/six/ does not answer",),
        FAILED,
        "no answer",
    ),
    "hash": Failure(
        """Resolved 2 packages in 1ms
error: Failed to download `six==1.17.0`
  cause: Hash mismatch for `six==1.17.0`

         Expected:
           sha256:0000000000000000000000000000000000000000000000000000000000000000

         Computed:
           sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274

hint: `six` (v1.17.0) was included because `demo` (v0.1.0) depends on `six`
""",
        ("six==1.17.0",),
        FAILED,
        "hash mismatch",
    ),
    "stale lock": Failure(
        """Resolved 3 packages in 97ms
error: The lockfile at `uv.lock` needs to be updated, but `--locked` was provided.

hint: To update the lockfile, run `uv lock`.
""",
        ("does not fit pyproject.toml", "invoke deps.lock"),
        BAD,
        "stale lock",
    ),
    "lock that is no text": Failure(
        "error: failed to read from file `/my project/uv.lock`: stream did not contain valid UTF-8\n",
        ("uv.lock is missing or cannot be read", "deps.lock"),
        BAD,
        "damaged lock",
    ),
    "lock of a newer uv": Failure(
        "error: The lockfile at `uv.lock` uses an unsupported schema version (v9, but only v1 is "
        "supported). Downgrade to a compatible uv version, or remove the `uv.lock` prior to running "
        "`uv lock` or `uv sync`.\n",
        ("uv.lock was written by a uv", "delete uv.lock and lock again"),
        BAD,
        "not supported",
    ),
    "damaged lock": Failure(
        """error: Failed to parse `uv.lock`
  cause: TOML parse error at line 1, column 12
           |
         1 | not = [toml
           |            ^
         unclosed array, expected `]`
""",
        ("uv.lock", "invoke deps.lock"),
        BAD,
    ),
    "no lock": Failure(
        "error: Unable to find lockfile at `uv.lock`, but `--locked` was provided. To create a lockfile, run `uv lock` "
        "or `uv sync` without the flag.\n",
        ("uv.lock", "invoke deps.lock"),
        BAD,
    ),
    "wrong Python": Failure(
        f"{_USING}error: The requested interpreter resolved to Python 3.11.7, which is incompatible with the project's "
        "Python requirement: `>=3.12` (from `project.requires-python`)\n",
        ("3.11.7", "requires-python"),
        BAD,
        "wrong python",
    ),
    "Python range too wide": Failure(
        f"""{_USING}error: No solution found when resolving dependencies for split (markers: python_full_version >= \
'3.8' and python_full_version < '3.11')
  cause: Because the requested Python version (>=3.8) does not satisfy Python>=3.11 and all of:
             pandas>=3.0.0,<=3.0.3
             pandas>=3.0.5
         depend on Python>=3.11, we can conclude that all of:
             pandas>=3.0.0,<=3.0.3
             pandas>=3.0.5
          cannot be used.

hint: While the active Python version is 3.11, the resolution failed for other Python versions supported by your \
project. Consider limiting your project's supported Python versions using `requires-python`.
""",
        ("requires-python",),
        BAD,
    ),
    "no such Python": Failure(
        "error: No interpreter found for Python 3.99 in managed installations or search path\n",
        ("Python 3.99", "--python"),
        MISSING,
        "python not found",
    ),
    "no Python at a path": Failure(
        "error: No interpreter found at path `/nope/python`\n",
        ("/nope/python", "--python"),
        MISSING,
    ),
    "broken uv.toml": Failure(
        """error: Failed to parse: uv.toml
  cause: TOML parse error at line 1, column 9
           |
         1 | index = 5
           |         ^
         invalid type: integer `5`, expected a sequence
""",
        ("uv.toml cannot be read", "Correct uv.toml"),
        BAD,
    ),
    "broken TOML": Failure(
        """error: Failed to parse: pyproject.toml
  cause: TOML parse error at line 11, column 8
            |
         11 | [broken
            |        ^
         unclosed table, expected `]`
""",
        ("pyproject.toml", "line 11"),
        BAD,
    ),
    "no such group": Failure(
        "Resolved 2 packages in 173ms\nerror: Group `nope` is not defined in the project's `dependency-groups` table\n",
        ("nope", "dependency-groups"),
        BAD,
    ),
    "nothing to remove": Failure(
        "error: The dependency `absent` could not be found in `project.dependencies`\n",
        ("absent", "project.dependencies"),
        BAD,
    ),
    "full disk": Failure(
        f"""{_USING}Creating virtual environment with seed packages at: .venv
error: Failed to install seed packages into virtual environment
  cause: Failed to install: pip-26.3-py3-none-any.whl (pip==26.3)
  cause: Failed to copy to `.venv/lib/python3.11/site-packages/pip/_internal/metadata/base.py`
  cause: failed to copy file from /cache/base.py to .venv/.tmp6oJEUM: No space left on device (os error 28)
""",
        ("no space left on the disk", "free some space"),
        FAILED,
        "disk full",
    ),
    "permission": Failure(
        "error: Failed to initialize cache at `/data/cache`\n"
        "  cause: failed to create directory `/data/cache`: Permission denied (os error 13)\n",
        ("/data/cache", "cannot be written"),
        FAILED,
        "cannot write",
    ),
    "read-only": Failure(
        """error: Failed to install: six-1.17.0-py2.py3-none-any.whl (six==1.17.0)
  cause: failed to create directory `.venv/lib/python3.11/site-packages/six`: Read-only file system (os error 30)
""",
        (".venv/lib", "cannot be written"),
        FAILED,
        "cannot write",
    ),
}

#: a server's status line; each tool prints a page of HTML after it
_UPLOAD = "Hashing tiny_alpha-0.1.0-py3-none-any.whl (1014B)\nUploading tiny_alpha-0.1.0-py3-none-any.whl (1014B)\n"
_NOT_PUBLISHED = "error: Failed to publish `dist/tiny_alpha-0.1.0-py3-none-any.whl` to `http://127.0.0.1:18999/`\n"
UV |= {
    "published already": Failure(
        f"{_UPLOAD}{_NOT_PUBLISHED}  cause: Server returned status code 409 Conflict. Server says:\n  <!DOCTYPE HTML>",
        ("file of this version already", "raise the version"),
        BAD,
        "version exists",
    ),
    "wrong password": Failure(
        f"{_UPLOAD}{_NOT_PUBLISHED}  cause: Server returned status code 403 Forbidden. Server says:\n  <!DOCTYPE HTML>",
        ("does not accept this login", "MLOPS_LAB_PUBLISH_TOKEN"),
        FAILED,
        "login refused",
    ),
    "no password": Failure(
        f"{_UPLOAD}Note: Trusted publishing also failed. To use it, check the error below.\n"
        "error: Trusted publishing failed\n  cause: Failed to fetch: https://127.0.0.1:18999/_/oidc/audience\n"
        f"{_NOT_PUBLISHED}  cause: Failed to send POST request\n"
        "  cause: Missing credentials for: http://127.0.0.1:18999/\n",
        ("does not accept this login",),
        FAILED,
        "login refused",
    ),
}

POETRY = {
    "lock with conflict markers": Failure(
        "\nUnable to read the lock file (Invalid statement (at line 19, column 1)).\n",
        ("poetry.lock cannot be read", "deps.lock"),
        BAD,
        "damaged lock",
    ),
    "lock without metadata": Failure(
        "\nThe lock file does not have a metadata entry.\n"
        "Regenerate the lock file with the `poetry lock` command.\n",
        ("poetry.lock cannot be read", "deps.lock"),
        BAD,
        "damaged lock",
    ),
    "lock of a newer Poetry": Failure(
        "\nThe lock file is not compatible with the current version of Poetry.\n"
        "Upgrade Poetry to be able to read the lock file or, alternatively, regenerate the lock "
        "file with the `poetry lock` command.\n",
        ("poetry.lock was written by a Poetry", "delete poetry.lock and lock again"),
        BAD,
        "not supported",
    ),
    "published already": Failure(
        "HTTP Error 409: Conflict | b'\\n    <!DOCTYPE HTML PUBLIC",
        ("file of this version already",),
        BAD,
        "version exists",
        stdout="\nPublishing tiny-beta (0.2.0) to lab\n - Uploading tiny_beta-0.2.0.tar.gz 100%\n",
    ),
    "wrong password": Failure(
        "HTTP Error 403: Forbidden | b'\\n    <!DOCTYPE",
        ("does not accept this login",),
        FAILED,
        "login refused",
    ),
    "no index to publish to": Failure(
        "Error connecting to repository\n", ("does not answer",), FAILED, "no answer"
    ),
    "no such repository": Failure(
        f"{_POETRY}\nNo git repository was found at /srv/h%20o/git%20repo\n",
        ("no git repository at /srv/h%20o/git%20repo", "%20"),
        BAD,
        "unknown repository",
    ),
    "no such revision": Failure(
        f"{_POETRY}\nFailed to clone file:///srv/repo at 'nope', verify ref exists on remote.\n",
        ("'nope'",),
        BAD,
        "unknown revision",
    ),
    "no version": Failure(
        "\nCould not parse version constraint: [;\n", ("[;",), BAD, "invalid spec"
    ),
    "no such package": Failure(
        "\nCould not find a matching version of package zz-nothing\n", ("'zz-nothing'",), BAD
    ),
    "no such package in the manifest": Failure(
        "\nBecause demo depends on zz-nothing (*) which doesn't match any versions, version solving failed.\n",
        ("zz-nothing",),
        BAD,
        stdout=_POETRY,
    ),
    "conflict": Failure(
        "\nBecause demo depends on requests (2.31.0) which depends on urllib3 (>=1.21.1,<3), urllib3 is required.\n"
        "So, because demo depends on urllib3 (1.20), version solving failed.\n",
        ("requests (2.31.0)", "urllib3 (1.20)", "loosen"),
        BAD,
        "unsolvable",
        _POETRY,
    ),
    "index does not answer": Failure(
        f"\nAll attempts to connect to 127.0.0.1:9 failed.{_PROBABLE}",
        ("127.0.0.1:9 does not answer",),
        FAILED,
        "no answer",
        _POETRY,
    ),
    "hash": Failure(
        "",
        ("six (1.17.0)", "lock"),
        FAILED,
        "hash mismatch",
        f"""{_POETRY_INSTALL}    | Downloaded distributions for six (1.17.0) did not match any known checksums in your \
lock file.
    | 
    | Causes:
    |   - invalid or corrupt cache either during locking or installation
    |   - network interruptions or errors causing corrupted downloads
    | 
    | You can also run your poetry command with -v to see more information.
""",  # noqa: W291 - as Poetry prints it
    ),
    "no candidate": Failure(
        "",
        ("six (1.17.0)",),
        FAILED,
        stdout=f"""{_POETRY_INSTALL}    | Unable to find installation candidates for six (1.17.0)
    | 
    | This is likely not a Poetry issue.
    | 
    |   - 0 candidate(s) were identified for the package
""",  # noqa: W291 - as Poetry prints it
    ),
    "stale lock": Failure(
        "\npyproject.toml changed significantly since poetry.lock was last generated. Run `poetry lock` to fix the "
        "lock file.\n",
        ("does not fit pyproject.toml", "invoke deps.lock"),
        BAD,
        "stale lock",
    ),
    "wrong Python": Failure(
        "\nCurrent Python version (3.11.7) is not allowed by the project (>=3.12).\n"
        'Please change python executable via the "env use" command.\n',
        ("3.11.7", "requires-python"),
        BAD,
        "wrong python",
    ),
    "Python range too wide": Failure(
        """
The current project's supported Python range (>=3.10,<3.14) is not compatible with some of the required packages \
Python requirement:
  - pandas requires Python >=3.11, so it will not be installable for Python >=3.10,<3.11

Because demo depends on pandas (3.0.0) which requires Python >=3.11, version solving failed.
""",
        (">=3.10,<3.14", "requires-python"),
        BAD,
        "python range too wide",
        _POETRY,
    ),
    "broken TOML": Failure(
        "\nInvalid TOML file /p/pyproject.toml: Unexpected character: '\\n' at line 11 col 7\n",
        ("pyproject.toml", "line 11"),
        BAD,
    ),
    "configuration that Poetry refuses": Failure(
        "\nThe Poetry configuration is invalid:\n  - tool.poetry.dependencies.foo must be valid"
        " exactly by one definition (0 matches found)\n\n",
        ("pyproject.toml", "tool.poetry.dependencies.foo", "Correct pyproject.toml"),
        BAD,
    ),
    "no requirement": Failure(
        "\nThe requirement is invalid: Unexpected character at column 5\n\nnot a req!!\n    ^\n",
        ("not a req!!",),
        BAD,
    ),
    "no such group": Failure("\nGroup(s) not found: nope (via --with)\n", ("nope",), BAD),
    "nothing to remove": Failure(
        "\nThe following packages were not found: absent\n", ("absent",), BAD
    ),
    "full disk": Failure(
        "",
        ("no space left on the disk",),
        FAILED,
        "disk full",
        f"{_POETRY_INSTALL}  OSError\n\n  [Errno 28] No space left on device\n\n  at installer/utils.py:135 in copy\n",
    ),
    "read-only": Failure(
        "",
        ("cannot be written", "site-packages/six.py"),
        FAILED,
        "cannot write",
        f"{_POETRY_INSTALL}  OSError\n\n  [Errno 30] Read-only file system: '/p/.venv/lib/site-packages/six.py'\n\n"
        "  at pathlib.py:1044 in open\n\nCannot install six.\n",
    ),
}

#: how conda 26.7.1 reports a crash, here a short one
_CRASH = """
# >>>>>>>>>>>>>>>>>>>>>> ERROR REPORT <<<<<<<<<<<<<<<<<<<<<<

    Traceback (most recent call last):
      File "/opt/conda/lib/python3.11/site-packages/urllib3/response.py", line 949, in _error_catcher
        with self._error_catcher():
             ^^^^^^^^^^^^^^^^^^^^^
    {}

`$ conda create --yes --prefix /srv/envs/t --channel badjson --override-channels bb`

An unexpected error has occurred. Conda has prepared the above report.
"""
#: what micromamba 2.8.1 prints below an index that it could not load
_REPEATED = (
    "    If you run into this error repeatedly, your package cache may be corrupted.\n"
    "    Please try running `mamba clean -a` to remove this cache before retrying the operation.\n"
    "    \n    If you still are having issues, please report the error on `mamba-org/mamba`'s issue "
    "tracker:\n    https://github.com/mamba-org/mamba/issues/new?assignees=&labels=&projects=&template=bug.yml\n"
)
CONDA = {
    "index cut off, conda 26.7": Failure(
        _CRASH.format(
            "json.decoder.JSONDecodeError: Unterminated string starting at: line 1 column 45 (char 44)"
        ),
        ("did not send a complete file: # >", "JSONDecodeError: Unterminated string"),
        FAILED,
        "broken download",
    ),
    "index cut off, conda-rattler-solver": Failure(
        _CRASH.format("OSError: EOF while parsing a string at line 1 column 51"),
        ("did not send a complete file: # >", "EOF while parsing"),
        FAILED,
        "broken download",
    ),
    "offline, conda-rattler-solver": Failure(
        _CRASH.format(
            "FileNotFoundError: failed to open file `/srv/pkgs/cache/7cd2fddd.json`: No such file or "
            "directory (os error 2)"
        ),
        ("not in the caches", "leave out --offline"),
        FAILED,
        "not cached",
    ),
    "no such package, conda 26.7": Failure(
        """
PackagesNotFoundInChannelsError: The following packages are not available from current channels:

  - no-such-zz

Current channels:

  - file:///srv/channel/conda-forge/linux-64
""",
        ("Package no-such-zz was not found",),
        BAD,
        "unknown package",
        stdout=f"{_CONDA}failed\n",
    ),
    "pins, conda 26.7": Failure(
        """
SpecsConfigurationConflictError: Requested specs conflict with configured specs.
  requested specs:
    - python=3.12
  pinned specs:
    - python=3.11
""",
        ("python=3.12 conflicts with a pin",),
        BAD,
        "unsolvable",
    ),
    "no age in the solver, conda 26.9": Failure(  # the words of `Solver` in conda/core/solve.py
        "\nCondaError: The libmamba solver does not support --exclude-newer global cutoff. "
        "Choose a solver that supports this policy or disable the setting.\n",
        ("conda's solver libmamba does not know how old", "Lock conda's packages"),
        BAD,
        "not supported",
    ),
    "frozen, conda 26.7": Failure(
        "\nEnvironmentIsFrozenError: Cannot modify '/srv/envs/lab'. The environment is marked as "
        "frozen. Reason:\n\n    In production.\n\nYou can bypass these protections with the "
        "`--override-frozen` flag, at your own risk.\n",
        ("/srv/envs/lab is marked as frozen",),
        ExitCode.GUARD_REFUSED,
    ),
    "no such package, mamba 2.8": Failure(
        "error    libmamba Could not solve for environment specs\n"
        "    The following package could not be installed\n"
        "    └─ no-such-zz =* * does not exist (perhaps a typo or a missing channel).\n"
        "critical libmamba Could not solve for environment specs\n",
        ("Package no-such-zz was not found",),
        BAD,
        "unknown package",
    ),
    "conflict, mamba 2.8": Failure(
        "critical libmamba Could not solve for environment specs\n",
        ("Could not solve for environment specs",),
        BAD,
        "unsolvable",
    ),
    "no version, mamba 2.8": Failure(
        'critical libmamba Error parsing version "1.x!y". Found invalid characters.\n',
        ("cannot be read: 1.x!y",),
        BAD,
    ),
    "no answer, mamba 2.8": Failure(
        "critical libmamba Download error (7) Couldn't connect to server "
        "[http://127.0.0.1:9/conda-forge/noarch/repodata.json]\n",
        ("http://127.0.0.1:9/conda-forge/noarch/repodata.json does not answer",),
        FAILED,
        "no answer",
    ),
    "no folder, mamba 2.8": Failure(
        "critical libmamba Download error (37) Couldn't read a file:// file "
        "[file:///nowhere/noarch/repodata.json]\n",
        ("file:///nowhere/noarch/repodata.json does not answer",),
        FAILED,
        "no answer",
    ),
    "needed by another, micromamba 2.8": Failure(
        "nothing provides no-such-dep needed by needsnone-1.0-0\n",
        ("Package no-such-dep was not found",),
        BAD,
        "unknown package",
    ),
    "no such channel, micromamba 2.8": Failure(
        "critical libmamba Multiple errors occurred:\n"
        "    Transfer finalized, status: 404 [http://127.0.0.1:33923/x/noarch/repodata.json] 330 bytes\n"
        f"    Subdir http://127.0.0.1:33923/x/noarch not loaded!\n{_REPEATED}",
        ("http://127.0.0.1:33923/x/noarch/repodata.json does not answer",),
        FAILED,
        "no answer",
    ),
    "index cut off, micromamba 2.8": Failure(
        "warning  libmamba Encountered malformed repodata.json cache. Redownloading.\n"
        f"critical libmamba Subdir http://127.0.0.1:33923/cut/noarch not loaded!\n{_REPEATED}",
        ("http://127.0.0.1:33923/cut/noarch did not send a complete index.",),
        FAILED,
        "broken download",
    ),
    "wrong hash, micromamba 2.8": Failure(
        "error    libmamba File not valid: SHA256 doesn't match expectation "
        '"/srv/pkgs/file//srv/chan/forge/noarch/wronghash-1.0-0.tar.bz2"\n'
        f"    Expected: {'0' * 64}\n    Actual: 0f4a23d80d2ee8\n    \n"
        "critical libmamba Found incorrect downloads. Aborting\n",
        ("wronghash-1.0-0.tar.bz2",),
        FAILED,
        "hash mismatch",
    ),
    "no folder, micromamba 2.8": Failure(
        "critical libmamba filesystem error: cannot create directories: Not a directory [/dev/null/x/conda-meta]\n",
        ("/dev/null/x/conda-meta", "cannot be written"),
        FAILED,
        "cannot write",
    ),
    "full disk, micromamba 2.8": Failure(
        "error    libmamba Unexpected error while linking package 'big': filesystem error: cannot copy: "
        "Input/output error [/srv/pkgs/big-1.0-0/share/big.txt] [/srv/small/x/share/big.txt]\n",
        ("/srv/small/x/share/big.txt", "check free space"),
        FAILED,
        "cannot write",
    ),
    "archive of a channel is gone, conda 26.7": Failure(
        "\nPathNotFoundError: /srv/chan/forge/noarch/gone-1.0-0.tar.bz2\n\n",
        ("/srv/chan/forge/noarch/gone-1.0-0.tar.bz2 does not answer",),
        FAILED,
        "no answer",
    ),
    "damaged package in the cache": Failure(
        """

SafetyError: The package for python located at /home/student/pkgs/python-3.11.7-0_cpython
appears to be corrupted. The path 'lib/python3.11/_sysconfigdata__linux_x86_64-linux-gnu.py'
has an incorrect size.
  reported size: 36843 bytes
  actual size: 18421 bytes

""",
        (
            "damaged: /home/student/pkgs/python-3.11.7-0_cpython.",
            "rm -rf -- /home/student/pkgs/python-3.11.7-0_cpython /home/",
            "/home/student/pkgs/python-3.11.7-0_cpython.tar.bz2",
        ),
        FAILED,
        "hash mismatch",
        stdout=f"{_CONDA}failed\n",
    ),
    "no graphics card": Failure(
        """
PackagesNotFoundError: The following packages are not available from current channels:

  - __cuda[version='>=12']

Current channels:

  - http://127.0.0.1:18931/conda-forge/linux-64
""",
        ("no __cuda[version='>=12'], which", "CONDA_OVERRIDE_CUDA"),
        BAD,
        "virtual package missing",
        stdout=f"{_CONDA}failed\n",
    ),
    "no graphics card, in an environment that is there": Failure(
        """
UnsatisfiableError: The following specifications were found to be incompatible with your system:

  - tiny-gpu -> __cuda[version='>=12']

Your installed version is: not available

""",
        ("no __cuda[version='>=12'], which", "tiny-gpu ->", "CONDA_OVERRIDE_CUDA"),
        BAD,
        "virtual package missing",
        stdout=f"{_CONDA}failed\n",
    ),
    "libmamba, no graphics card": Failure(
        "LibMambaUnsatisfiableError: Encountered problems while solving:\n"
        "  - nothing provides __cuda >=12 needed by tiny-gpu-1.0-0\n",
        ("no __cuda >=12, which", "CONDA_OVERRIDE_CUDA"),
        BAD,
        "virtual package missing",
    ),
    "no such package": Failure(
        "\nResolvePackageNotFound: \n  - zz-nothing\n\n",
        ("zz-nothing", "conda file"),
        BAD,
        stdout=f"{_CONDA}failed\n",
    ),
    "no such version": Failure(
        "\nResolvePackageNotFound: \n  - click=99\n\n",
        ("click=99",),
        BAD,
        stdout=f"{_CONDA}failed\n",
    ),
    "no such package to install": Failure(
        """
PackagesNotFoundError: The following packages are not available from current channels:

  - zz-nothing

Current channels:

  - file:///channel/conda-forge/linux-64
  - file:///channel/conda-forge/noarch
""",
        ("zz-nothing",),
        BAD,
        stdout=f"{_CONDA}failed\n",
    ),
    "nothing to remove": Failure(
        "\nPackagesNotFoundError: The following packages are missing from the target environment:\n  - absent\n\n\n",
        ("absent",),
        BAD,
        stdout=f"{_CONDA}failed\n",
    ),
    "nothing to remove, conda 26.7": Failure(
        "\nPackagesNotFoundInPrefixError: The following packages are missing from the target environment:\n"
        "  prefix: /srv/envs/t\n\n  - absent-zz\n\n\n",
        ("absent-zz is not in the environment",),
        BAD,
        "not declared",
    ),
    "wrong spec": Failure(
        "\nCondaValueError: invalid package specification: click >=<3\n\n", ("click >=<3",), BAD
    ),
    "channel does not answer": Failure(
        """Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection broken by \
'NewConnectionError("HTTPConnection(host='127.0.0.1', port=9): Failed to establish a new connection: [Errno 111] \
Connection refused")': /conda-forge/noarch/repodata.json.zst

CondaHTTPError: HTTP 000 CONNECTION FAILED for url <http://127.0.0.1:9/conda-forge/linux-64/repodata.json>
Elapsed: -

An HTTP error occurred when trying to retrieve this URL.
HTTP errors are often intermittent, and a simple retry will get you on your way.
'http//127.0.0.1:9/conda-forge/linux-64'
""",
        ("http://127.0.0.1:9/conda-forge/linux-64/repodata.json does not answer",),
        FAILED,
        "no answer",
    ),
    "no such channel": Failure(
        """
UnavailableInvalidChannel: HTTP 404 UNAVAILABLE OR INVALID for channel conda-forge <file:///nope/conda-forge>

The channel is not accessible or is invalid.

You will need to adjust your conda configuration to proceed.
""",
        ("file:///nope/conda-forge",),
        FAILED,
        "no answer",
    ),
    "pip section": Failure(
        """ERROR: Could not find a version that satisfies the requirement zz-nothing (from versions: none)
ERROR: No matching distribution found for zz-nothing

CondaEnvException: Pip failed
""",
        ("zz-nothing",),
        BAD,
        stdout=f"{_CONDA}done\n",
    ),
    "full disk": Failure(
        "\nNoSpaceLeftError: No space left on devices.\n\n",
        ("no space left on the disk",),
        FAILED,
        "disk full",
    ),
    "read-only": Failure(
        "\nCondaError: Unable to create prefix directory '/ro/env'.\nCheck that you have sufficient permissions.\n",
        ("/ro/env", "cannot be written"),
        FAILED,
        "cannot write",
    ),
}

RATTLER = {
    "another file, found as it is unpacked": Failure(
        "rattler: InstallerError: failed to fetch six-1.17.0-py_0.conda\n"
        "Caused by: failed to interact with the package cache layer.\n"
        "Caused by: an io error occurred: Invalid checksum\nCaused by: Invalid checksum\n",
        ("is not the one that the lock or the channel names", "Invalid checksum"),
        FAILED,
        "hash mismatch",
    ),
    "no such package": Failure(
        "rattler: cannot be solved: Cannot solve the request because of: No candidates were found for zz-nothing *.\n",
        ("zz-nothing",),
        BAD,
        "unknown package",
    ),
    "no such version": Failure(
        "rattler: cannot be solved: Cannot solve the request because of: No candidates were found for click 99.*.\n\n",
        ("click 99",),
        BAD,
        "unknown package",
    ),
    "a pin, py-rattler 0.28": Failure(
        "rattler: cannot be solved: Cannot solve the request because of: The following packages "
        "are incompatible\n└─ click * can be installed with any of the following options:\n"
        "   └─ click 8.5.1\n└─ the constraint click <8 cannot be fulfilled\n\n",
        ("The pin click <8 excludes",),
        BAD,
        "unsolvable",
    ),
    "wrong spec": Failure(
        "rattler: invalid request: unable to parse version spec: >=<3\n",
        (">=<3", "conda file"),
        BAD,
        "invalid spec",
    ),
    "wrong channel": Failure(
        "rattler: invalid request: could not parse url\nCaused by: invalid IPv6 address\n",
        ("could not parse url",),
        BAD,
    ),
    "two logins for a host": Failure(
        "rattler: two logins: 127.0.0.1\n",
        ("Channels on 127.0.0.1 have different logins", "one login for all channels"),
        BAD,
    ),
    "channel does not answer": Failure(
        """rattler: channel does not answer: Request failed after 2 retries
Caused by: error sending request for url (http://127.0.0.1:9/conda-forge/linux-64/repodata_shards.msgpack.zst)
Caused by: client error (Connect)
Caused by: tcp connect error
Caused by: Connection refused (os error 111)
""",
        ("http://127.0.0.1:9/conda-forge/linux-64/repodata_shards.msgpack.zst does not answer",),
        FAILED,
        "no answer",
    ),
    "no such channel": Failure(
        """rattler: channel does not answer: could not find subdir 'noarch' in channel 'file:///nope/conda-forge/'
Caused by: failed to open file `/nope/conda-forge/noarch/repodata.json`: No such file or directory (os error 2)
""",
        ("file:///nope/conda-forge/",),
        FAILED,
        "no answer",
    ),
    "offline": Failure(
        "rattler: channel does not answer: no usable repodata cache for https://c.invalid/conda-forge/linux-64/\n",
        ("https://c.invalid/conda-forge/linux-64/", "leave out --offline"),
        FAILED,
        "not cached",
    ),
    "offline, and the package is not there": Failure(
        """solved: 1 packages
downloading
rattler: InstallerError: failed to fetch tiny-c-1.0-0.tar.bz2
Caused by: failed to interact with the package cache layer.
Caused by: Python callback failed: OSError: offline, and not in the cache: c.invalid/forge/noarch/tiny-c-1.0-0.tar.bz2
""",
        ("tiny-c-1.0-0.tar.bz2", "leave out --offline"),
        FAILED,
        "not cached",
    ),
    "no graphics card": Failure(
        """rattler: cannot be solved: Cannot solve the request because of: tiny-gpu * cannot be installed because \
there are no viable options:
└─ tiny-gpu 1.0 would require
   └─ __cuda >=12,<13, for which no candidates were found.

""",
        ("no __cuda >=12,<13, which", "tiny-gpu 1.0 would require", "CONDA_OVERRIDE_CUDA"),
        BAD,
        "virtual package missing",
    ),
    "a dependency that is nowhere": Failure(
        """rattler: cannot be solved: Cannot solve the request because of: tiny-lack * cannot be installed because \
there are no viable options:
└─ tiny-lack 1.0 would require
   └─ nothing-here >=2, for which no candidates were found.

""",
        ("tiny-lack 1.0 would require", "nothing-here >=2, for which no candidates"),
        BAD,
        "unsolvable",
    ),
    "full disk": Failure(
        """solved: 2 packages
rattler: InstallerError: failed to link click-8.5.1-py_0.conda
Caused by: failed to link 'site-packages/click/core.py'
Caused by: failed to copy file from /cache/core.py to /env/core.py: No space left on device (os error 28)
""",
        ("no space left on the disk",),
        FAILED,
        "disk full",
    ),
    "read-only": Failure(
        """solved: 2 packages
rattler: InstallerError: failed to create the prefix
Caused by: failed to create directory `/ro/env/conda-meta`: Read-only file system (os error 30)
""",
        ("/ro/env/conda-meta", "cannot be written"),
        FAILED,
        "cannot write",
    ),
    "corrupt package": Failure(
        """solved: 2 packages
rattler: InstallerError: failed to fetch six-1.17.0-py_0.conda
Caused by: failed to interact with the package cache layer.
Caused by: an io error occurred: Data corruption detected
Caused by: Data corruption detected
""",
        ("six-1.17.0-py_0.conda",),
        FAILED,
        "hash mismatch",
    ),
}

ALL = {
    f"{program}: {name}": (program, failure)
    for program, table in {"uv": UV, "poetry": POETRY, "conda": CONDA, "rattler": RATTLER}.items()
    for name, failure in table.items()
}


TABLES = {
    "uv": uv.FAILURES,
    "poetry": poetry_messages.FAILURES,
    "conda": conda_messages.FAILURES,
    "rattler": conda_messages.FAILURES,
}


def _outcome(program: str, stderr: str, stdout: str = "") -> Outcome:
    command = Command((f"/tools/bin/{program}", "do", "it"), failures=TABLES[program])
    return Outcome(command, 1, stdout, stderr, 0.1)


@cases("program, failure", ALL)
def test_real_failure_becomes_one_clear_answer(program: str, failure: Failure) -> None:
    found = failures.explain(_outcome(program, failure.stderr, failure.stdout))
    said = f"{found.message} {found.remedy!s}"
    assert [word for word in failure.words if word.lower() not in said.lower()] == []
    assert found.exit_code == failure.code
    if failure.title:
        assert found.title == failure.title
    assert str(found.remedy)
    assert "{" not in said
    assert "\n" not in found.message


def test_offline_what_is_not_there_may_be_missing_in_the_caches_alone() -> None:
    for name in ("uv: no such version", "conda: no such package", "rattler: no such package"):
        program, failure = ALL[name]
        outcome = _outcome(program, failure.stderr, failure.stdout)
        offline = replace(outcome.command, env={"UV_OFFLINE": "1"})
        found = failures.explain(replace(outcome, command=offline))
        assert (found.title, found.exit_code, str(found.remedy)) == (
            "not cached",
            FAILED,
            "Leave out --offline, or unset MLOPS_LAB_OFFLINE",
        )
    assert failures.explain(_outcome("uv", "No space left on device")).title == "disk full"


def test_way_round_the_lock_is_no_advice() -> None:
    for failure in (UV["offline"], UV["no such package"]):
        assert "--frozen" not in str(failures.explain(_outcome("uv", failure.stderr)))


def test_unknown_failure_shows_what_was_printed_and_how_to_see_more(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = failures.explain(_outcome("uv", "a strange thing\n\nhappened\n"), title="lock")
    assert found.message == "uv ended with exit code 1: a strange thing happened"
    remedy = "Run it yourself to see all that it prints"
    assert str(found.remedy) == f"{remedy}: /tools/bin/uv do it"
    (tmp_path / "uv").touch(0o755)
    assert str(failures.explain(_outcome("uv", "strange")).remedy) == f"{remedy}: uv do it"
    assert (found.title, found.exit_code) == ("lock failed", FAILED)


def test_silent_failure_says_so() -> None:
    assert (
        failures.explain(_outcome("uv", "")).message
        == "uv ended with exit code 1: it printed nothing."
    )


def test_braces_in_what_a_tool_printed_do_no_harm() -> None:
    found = failures.explain(_outcome("uv", "No solution found: {0} {said} {x}"))
    assert "{0} {said} {x}" in found.message


@cases(
    "said",
    {
        "in an address": "Failed to fetch: http://me:hunter2@127.0.0.1:9/simple/six/",
        "as Poetry prints a host": "All attempts to connect to me:hunter2@127.0.0.1:9 failed.",
        "number, as Poetry prints a host": "All attempts to connect to me:4711@127.0.0.1:9 failed.",
        "token for a name": "Failed to fetch: https://hunter2@host/simple/",
        "in an unknown failure": "weird: https://me:hunter2@host/x said no",
        "escaped name": "weird: http://me%40x:hunter2@host/x",
        "conda's token": "CondaHTTPError: HTTP 000 for url <https://host/t/hunter2/conda-forge/noarch>",
        "unknown failure with a host": "weird: tried me:hunter2@host:80, which failed",
    },
)
def test_no_credential_is_shown(said: str) -> None:
    for command in ("do it", f"--index https://me:hunter2@host/simple {said}"):
        outcome = Outcome(Command(("/tools/bin/uv", *command.split())), 1, "", said, 0.1)
        shown = str(failures.explain(outcome))
        assert "hunter2" not in shown
        assert "4711" not in shown


def test_credential_in_a_variable_is_not_shown() -> None:
    command = Command(("uv", "lock"), env={"UV_DEFAULT_INDEX": "https://me:hunter2@host/simple"})
    assert "hunter2" not in str(failures.explain(Outcome(command, 1, "", "odd", 0.1)))


def test_demand_lets_a_good_outcome_through_and_raises_for_a_bad_one() -> None:
    good = Outcome(Command(("uv",)), 0, "", "No space left on device", 0.1)
    assert failures.demand(good, title="x") is good
    with pytest.raises(LabError, match="no space left"):
        failures.demand(_outcome("uv", "No space left on device"), title="x")


@cases(
    "command, address",
    {
        "of the index": pytest.param(
            Command(("uv", "sync"), env={"UV_DEFAULT_INDEX": "https://me:pw@host/simple"}),
            "host/simple",
        ),
        "of the channel": pytest.param(
            Command(("python", "worker.py", "--channel", "https://host/forge")),
            "https://host/forge",
        ),
        "as conda knows it": pytest.param(
            Command(("conda", "install"), source="conda-forge"), "conda-forge"
        ),
    },
)
def test_a_file_that_was_cut_off_is_told_with_its_address(command: Command, address: str) -> None:
    said = "No solution found when resolving dependencies\n cause: six==1 has an invalid package format"
    outcome = Outcome(replace(command, failures=uv.FAILURES), 1, "", said, 0.1)
    error = failures.explain(outcome)
    assert (error.exit_code, error.title) == (FAILED, "broken download")
    assert address in error.message
    assert "pw" not in error.message


def test_folder_named_t_is_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/home/student/t/mlops-lab/x")
    text = "file:///home/student/t/mlops-lab/conda-forge and /home/student/t/mlops-lab"
    assert redaction.without_secrets(text) == text
    assert redaction.without_logins(text, tokens=True) == text


def test_report_of_condas_does_not_say_that_it_is_offline() -> None:
    said = "              offline mode : False\n\nERROR: No matching distribution found for toolz\n"
    assert failures.explain(_outcome("conda", said)).title != "not in the caches"
