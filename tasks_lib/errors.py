"""The one error that a user sees, its stable codes, and the exit codes. Standard library alone."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class ExitCode(IntEnum):
    """What a run's exit code means; documented in the reference page `exit-codes`."""

    DONE = 0
    CHECK_FAILED = 1
    BAD_REQUEST = 2
    TOOL_MISSING = 3
    TOOL_FAILED = 4
    GUARD_REFUSED = 5
    INTERRUPTED = 130


class ErrorCode(StrEnum):
    """The kind of error that ended a run: a stable word, its exit code, and what it means.

    The words stand in the JSON document as `code`. A word is never given another meaning or another
    exit code.
    """

    exit_code: ExitCode
    meaning: str

    def __new__(cls, word: str, exit_code: int, meaning: str) -> Self:
        """Create a member from its row."""
        self = str.__new__(cls, word)
        self._value_ = word
        self.exit_code = ExitCode(exit_code)
        self.meaning = meaning
        return self

    @property
    def headline(self) -> str:
        """Return the code as words for a report's headline."""
        return self.value.replace("_", " ")

    BAD_COMMAND_LINE = (
        "bad_command_line",
        2,
        "The command line names no task or option of this program.",
    )
    BASE_ENVIRONMENT = (
        "base_environment",
        5,
        "The environment is conda's base, which is never changed.",
    )
    BROKEN_CONDARC = "broken_condarc", 2, "A .condarc file is not valid."
    BROKEN_DOWNLOAD = "broken_download", 4, "An index or channel sent a file that is not complete."
    CACHE_NOT_WRITABLE = "cache_not_writable", 2, "The cache folder cannot be written."
    CANNOT_CONVERT = (
        "cannot_convert",
        2,
        "A setting has no equivalent for the other manager or layer.",
    )
    CANNOT_DELETE = "cannot_delete", 4, "A file or folder cannot be deleted."
    CANNOT_EDIT = "cannot_edit", 2, "A manifest is written in a way that cannot be edited safely."
    CANNOT_READ = "cannot_read", 2, "A file cannot be read."
    CANNOT_WRITE = "cannot_write", 4, "A file cannot be written."
    CHANNEL_NOT_BUILT = "channel_not_built", 4, "A local conda channel could not be built."
    CONFLICTING_VERSIONS = (
        "conflicting_versions",
        2,
        "The conda file and the other layer ask for versions that exclude each other.",
    )
    CONTAINS_LOGIN = (
        "contains_login",
        2,
        "An address contains a login, which would be stored or shown.",
    )
    CONTAINS_SECRET = "contains_secret", 2, "A file that would be shared contains a secret."
    DAMAGED_CONDA_META = "damaged_conda_meta", 4, "A record in conda-meta is damaged."
    DAMAGED_JOURNAL = "damaged_journal", 2, "The record that an interrupted run left is damaged."
    DAMAGED_LOCK = "damaged_lock", 2, "The lock cannot be read."
    DISK_FULL = "disk_full", 4, "There is no space left on the disk."
    DYNAMIC_DEPENDENCIES = (
        "dynamic_dependencies",
        2,
        "Dependencies are computed by a build backend and cannot be read.",
    )
    ENGINE_MISSING = "engine_missing", 3, "The conda engine that was chosen is not on this machine."
    FILE_MISSING = "file_missing", 2, "A file that is needed does not exist."
    FILE_TOO_LARGE = "file_too_large", 2, "A file is larger than a file of its kind can be."
    FROZEN_ENVIRONMENT = (
        "frozen_environment",
        5,
        "The environment is marked as frozen: nothing may change it.",
    )
    GUARD_REFUSED = (
        "guard_refused",
        5,
        "The run would remove or replace packages of the other layer.",
    )
    HASH_MISMATCH = (
        "hash_mismatch",
        4,
        "A file does not have the hash that the lock or the channel names.",
    )
    INCOMPLETE_LOGIN = "incomplete_login", 2, "Only half of a login is set."
    INSTALLED_ELSEWHERE = (
        "installed_elsewhere",
        4,
        "A manager installed into another place.",
    )
    INTERNAL_ERROR = "internal_error", 4, "A fault of mlops-lab itself."
    INTERRUPTED = "interrupted", 130, "The run was stopped."
    INVALID_ARCHIVE = (
        "invalid_archive",
        2,
        "An archive is damaged or encrypted, or has a part that is never unpacked.",
    )
    INVALID_MANIFEST = "invalid_manifest", 2, "A manifest or configuration file is not valid."
    INVALID_METADATA = "invalid_metadata", 1, "The metadata of a built distribution is not valid."
    INVALID_OPTION = "invalid_option", 2, "An option or argument has a value that is not allowed."
    INVALID_PROOF = "invalid_proof", 2, "A file is not a proof of this program."
    INVALID_SNAPSHOT = (
        "invalid_snapshot",
        2,
        "A file is not a description that env.export wrote, or was altered.",
    )
    INVALID_SPEC = "invalid_spec", 2, "A requirement or package specification cannot be read."
    INVALID_STORE = (
        "invalid_store",
        2,
        "A file is not a store of cohort.check, or is one of a newer version.",
    )
    LOGIN_REFUSED = "login_refused", 4, "An index does not accept the login."
    MIGRATION_DIFFERS = "migration_differs", 1, "The new environment differs from the old one."
    NOTHING_TO_ADOPT = "nothing_to_adopt", 2, "The folder has no manifest that init can read."
    NOTHING_TO_PROVE = "nothing_to_prove", 2, "No combo, engine and Python matches the request."
    NOTHING_TO_PUBLISH = "nothing_to_publish", 2, "No built distribution exists."
    NOT_ADOPTED = "not_adopted", 2, "The project does not use mlops-lab yet."
    NOT_A_FILE = (
        "not_a_file",
        2,
        "Something that is not a regular file is where a file is expected.",
    )
    NOT_CACHED = "not_cached", 4, "The run is offline and the caches do not have what it needs."
    NOT_DECLARED = "not_declared", 2, "A package that is to be removed is not declared."
    NOT_EDITABLE = "not_editable", 2, "Only a folder or repository can be installed as editable."
    NOT_EXPLAINED = "not_explained", 2, "The task explain does not cover this task."
    NOT_OFFLINE = "not_offline", 2, "The tool cannot do this without the network."
    NOT_PURE_PYTHON = "not_pure_python", 2, "A package has no wheel for every platform."
    NOT_RESTORED = "not_restored", 4, "A failed run could not put everything back."
    NOT_SUPPORTED = "not_supported", 2, "This manager or layer cannot do what was asked."
    NOT_TRUSTED = (
        "not_trusted",
        2,
        "This needs code of a repository, and nobody has said that its checkout is trusted.",
    )
    NOT_UTF8 = "not_utf8", 2, "A file is not encoded as UTF-8."
    NO_ANSWER = "no_answer", 4, "An index, channel, repository or scheduler does not answer."
    NO_CHANNEL = "no_channel", 4, "No conda channel answers, and none could be built."
    NO_COMMAND = "no_command", 2, "No command was given."
    NO_CONDA_FILE = (
        "no_conda_file",
        2,
        "The project has no conda file, from which the conda layer is created.",
    )
    NO_CONDA_LAYER = (
        "no_conda_layer",
        2,
        "The request is about the conda layer, and this combo has none.",
    )
    NO_ENVIRONMENT = "no_environment", 2, "The environment does not exist yet."
    NO_HOME = "no_home", 2, "This user has no home folder."
    NO_INDEX = "no_index", 2, "No index was named to publish to."
    NO_LOCK = "no_lock", 2, "The project has no lock yet."
    NO_MODULE = "no_module", 2, "Poetry does not find the project's own module or package."
    NO_PACKAGE_NAMED = "no_package_named", 2, "No package was named."
    NO_PROJECT_NAME = "no_project_name", 2, "pyproject.toml gives the project no name."
    NO_PYPROJECT = "no_pyproject", 2, "The folder and its parents have no pyproject.toml."
    NO_PYTHON = "no_python", 2, "The conda file does not contain Python."
    NO_SUCH_PATH = "no_such_path", 2, "A path that was given does not exist."
    NO_VENV = "no_venv", 3, "This Python lacks the module venv or ensurepip."
    OTHER_ENVIRONMENT = "other_environment", 2, "A description belongs to another environment."
    OTHER_PLATFORM = "other_platform", 2, "A description belongs to another platform."
    OTHER_PROJECT = "other_project", 5, "The environment was made for another project."
    OUTSIDE_PROJECT = "outside_project", 2, "A path leads outside the project."
    PACKAGE_MISSING = "package_missing", 4, "A package file of a local channel does not exist."
    PATH_OCCUPIED = (
        "path_occupied",
        2,
        "Something else exists where a file or environment would be created.",
    )
    PROGRAM_NOT_FOUND = "program_not_found", 3, "The program is not in the environment."
    PROJECT_CHANGING = "project_changing", 2, "Another run is changing the project."
    PYTHON_NOT_FOUND = "python_not_found", 3, "No such Python is on this machine."
    PYTHON_NOT_MOVABLE = (
        "python_not_movable",
        3,
        "This Python cannot be repackaged for a local channel.",
    )
    PYTHON_RANGE_TOO_WIDE = (
        "python_range_too_wide",
        2,
        "The range of requires-python allows Pythons that a package excludes.",
    )
    PYTHON_TOO_OLD = "python_too_old", 3, "The Python that started mlops-lab is too old."
    SHELL_CANNOT_EXPRESS = (
        "shell_cannot_express",
        2,
        "The shell cannot hold a value of the environment.",
    )
    SNAPSHOT_DIFFERS = (
        "snapshot_differs",
        2,
        "The environment that was created differs from its description.",
    )
    STALE_LOCK = "stale_lock", 2, "The lock does not match pyproject.toml."
    STATE_FOLDER = "state_folder", 2, "What a run records cannot be kept outside of the project."
    SYSTEM_ERROR = "system_error", 4, "The operating system refused an operation."
    TOOL_ENVIRONMENT_FAILED = (
        "tool_environment_failed",
        4,
        "The tool environment could not be created.",
    )
    TOOL_FAILED = "tool_failed", 4, "A tool failed for a reason that is not known to mlops-lab."
    TOOL_MISSING = "tool_missing", 3, "A program is not on this machine."
    TOOL_TIMEOUT = "tool_timeout", 4, "A tool did not end in time."
    TWO_FORMATS = "two_formats", 2, "Two output formats were requested."
    UNKNOWN_CHANNEL_MODE = "unknown_channel_mode", 2, "The channel mode of a proof does not exist."
    UNKNOWN_CHECK = "unknown_check", 2, "No check has this id."
    UNKNOWN_COMBO = "unknown_combo", 2, "No combo has this name."
    UNKNOWN_ENGINE = "unknown_engine", 2, "No conda engine has this name."
    UNKNOWN_ENVIRONMENT = "unknown_environment", 2, "No environment has this name."
    UNKNOWN_EXTRA = "unknown_extra", 2, "The project has no such extra."
    UNKNOWN_FORMAT = "unknown_format", 2, "No output or export format has this name."
    UNKNOWN_GROUP = "unknown_group", 2, "pyproject.toml has no dependency group of this name."
    UNKNOWN_HAND_IN = "unknown_hand_in", 2, "The store of a class has no repository of this id."
    UNKNOWN_LAYER = "unknown_layer", 2, "No layer has this name."
    UNKNOWN_MEMBER = "unknown_member", 2, "The workspace has no member of this name."
    UNKNOWN_PACKAGE = "unknown_package", 2, "No package of this name was found."
    UNKNOWN_REPOSITORY = "unknown_repository", 2, "There is no git repository at this address."
    UNKNOWN_REVISION = (
        "unknown_revision",
        2,
        "The git repository has no such tag, branch or commit.",
    )
    UNKNOWN_SHELL = "unknown_shell", 2, "No supported shell has this name."
    UNKNOWN_TASK = "unknown_task", 2, "No task has this name."
    UNKNOWN_TOPIC = "unknown_topic", 2, "The documentation has no page of this name."
    UNKNOWN_VERSION = "unknown_version", 2, "The index has no version that matches."
    UNSOLVABLE = "unsolvable", 2, "No set of versions satisfies all requirements."
    VERSION_EXISTS = "version_exists", 2, "The index already has a file of this version."
    VIRTUAL_PACKAGE_MISSING = (
        "virtual_package_missing",
        2,
        "A package needs a feature that this machine lacks.",
    )
    WORKSPACE = "workspace", 2, "The task does not support workspaces."
    WRONG_PLATFORM = "wrong_platform", 3, "This is not possible on this operating system."
    WRONG_PYTHON = "wrong_python", 2, "The environment's Python does not satisfy requires-python."
    WRONG_SETTING = (
        "wrong_setting",
        2,
        "A setting of [tool.mlops-lab] or of a cohort.toml is not valid.",
    )


#: how like a word must be to be suggested, and how like the last part of one; how many are
_NEAR, _VERY_NEAR = 0.65, 0.75
_FEW = 3


class Remedy(NamedTuple):
    """What to do next: a sentence, and the command that does it.

    `argv` is the command as a list of words; its first word is `invoke` where the command is one of
    this program's tasks. Only the report renders it as `shown`, in the words with which the user
    started this run and quoted for the user's shell.
    """

    text: str = ""
    argv: tuple[str, ...] = ()
    shown: str | None = None

    def __bool__(self) -> bool:
        """Return whether there is something to do."""
        return bool(self.text or self.argv)

    def __str__(self) -> str:
        """Return both for a reader."""
        return ": ".join(part for part in (self.text, self.command) if part)

    @property
    def command(self) -> str:
        """Return the command as it is typed."""
        import shlex  # noqa: PLC0415 - only an error needs it

        return shlex.join(self.argv) if self.shown is None else self.shown


NO_REMEDY = Remedy()


def nearest(typed: str, known: Iterable[str]) -> list[str]:
    """Return the known words that a mistyped one may stand for, the likeliest first; often none.

    Case, the order of a word's parts, and what stands between these count as nothing: `UV-pip` is
    `pip_uv`. A part stands for the whole: `add` for `deps.add`.
    """
    import difflib  # noqa: PLC0415 - only an error needs it

    words = {word: _parts(word) for word in known}
    parts = _parts(typed)
    same = [word for word, own in words.items() if sorted(own) == sorted(parts)]
    wider = [word for word, own in words.items() if parts and {*parts} <= {*own}]
    if same or 0 < len(wider) <= _FEW:
        return same[:1] or wider
    whole = {".".join(own): word for word, own in words.items()}
    last = {own[-1]: word for word, own in words.items() if own}
    for cutoff, rows in ((_NEAR, whole), (_VERY_NEAR, last)):
        near = difflib.get_close_matches(".".join(parts), rows, n=1, cutoff=cutoff)
        if near:
            return [rows[near[0]]]
    return []


def meant(typed: str, known: Iterable[str], otherwise: Remedy, *command: str) -> Remedy:
    """Return the remedy that names the known word nearest to `typed`; if none is near, `otherwise`.

    That word completes the `command`, where there is one.
    """
    near = nearest(typed, known)
    if not near:
        return otherwise
    text = f"Did you mean {' or '.join(near)}?"
    return Remedy(f"{text} Type", (*command, near[0])) if command else Remedy(text)


def _parts(word: str) -> list[str]:
    import re  # noqa: PLC0415 - only an error needs it

    return re.findall(r"[^\W_]+", word.lower())


class LabError(Exception):
    """An error with one clear sentence, where it happened, and what to do next.

    `message` is a complete sentence. `file` is the file to look at, relative to the project or
    absolute; `line` counts from 1. `title` and `exit_code` are those of `code` unless they are
    given.
    """

    def __init__(  # noqa: PLR0913 - each is one part of an answer
        self,
        message: str,
        code: ErrorCode,
        *,
        remedy: Remedy = NO_REMEDY,
        file: Path | str | None = None,
        line: int | None = None,
        title: str = "",
        exit_code: ExitCode | None = None,
    ) -> None:
        """Keep the data; the report renders it."""
        super().__init__(message)
        self.message = message
        self.code = code
        self.remedy = remedy
        self.file = None if file is None else str(file)
        self.line = line
        self.title = title or code.headline
        self.exit_code = code.exit_code if exit_code is None else exit_code

    def __str__(self) -> str:
        """Return the sentence with its place and its remedy, for where no report is at hand."""
        text = self.message
        if self.file is not None:
            line = "" if self.line is None else f":{self.line}"
            text = f"{self.file}{line}: {text}"
        remedy = str(self.remedy)
        return f"{text} Next: {remedy}" if remedy else text
