"""The variables of pip, which conda and Poetry may start: a long option each.

Source: pip's documentation, 'Configuration', and the options of pip 26.3.
"""

from __future__ import annotations

from tasks_lib.tools.variables import Row, Use, Variables

PIP = Variables(
    "pip",
    "PIP_",
    (
        Row(
            Use.UNSET,
            "another environment or folder",
            "TARGET PREFIX ROOT USER PYTHON PATH SRC SOURCE SOURCE_DIR SOURCE_DIRECTORY DEST "
            "DESTINATION_DIR DESTINATION_DIRECTORY WHEEL_DIR",
        ),
        Row(
            Use.UNSET,
            "other packages",
            "REQUIREMENT REQUIREMENTS_FROM_SCRIPT GROUP EDITABLE NO_DEPS NO_DEPENDENCIES "
            "ONLY_DEPS ONLY_DEPENDENCIES PLATFORM PYTHON_VERSION IMPLEMENTATION ABI "
            "IGNORE_REQUIRES_PYTHON",
        ),
        Row(
            Use.UNSET,
            "nothing is installed, or all of it again",
            "DRY_RUN HELP VERSION UPGRADE UPGRADE_STRATEGY FORCE_REINSTALL IGNORE_INSTALLED",
        ),
        Row(
            Use.DECIDED,
            "whether the environment must be active",
            "REQUIRE_VENV REQUIRE_VIRTUALENV NO_USER",
        ),
        Row(
            Use.PERSONAL,
            "which versions are chosen",
            "CONSTRAINT BUILD_CONSTRAINT PRE ALL_RELEASES ONLY_FINAL PREFER_BINARY "
            "UPLOADED_PRIOR_TO",
        ),
        Row(Use.PERSONAL, "pip's own files of settings", "CONFIG_FILE ISOLATED"),
        Row(
            Use.KEPT,
            "what may be built, and what must be verified",
            "NO_BINARY ONLY_BINARY NO_BUILD_ISOLATION CHECK_BUILD_DEPENDENCIES CONFIG_SETTINGS "
            "USE_PEP517 REQUIRE_HASHES NO_REQUIRE_HASHES BREAK_SYSTEM_PACKAGES NO_VERIFY",
        ),
        Row(
            Use.KEPT,
            "indexes and logins",
            "INDEX_URL PYPI_URL EXTRA_INDEX_URL INDEX NO_INDEX FIND_LINKS REFRESH_PACKAGE "
            "KEYRING_PROVIDER EXISTS_ACTION",
        ),
        Row(
            Use.KEPT,
            "network, certificates and time limits",
            "PROXY NO_PROXY_ENV CERT CLIENT_CERT TRUSTED_HOST TIMEOUT DEFAULT_TIMEOUT RETRIES "
            "RESUME_RETRIES",
        ),
        Row(Use.KEPT, "caches and bytecode", "CACHE_DIR NO_CACHE_DIR COMPILE NO_COMPILE NO_CLEAN"),
        Row(
            Use.KEPT,
            "what is printed, and changes of pip's own",
            "VERBOSE QUIET LOG LOG_FILE LOCAL_LOG NO_COLOR NO_INPUT DEBUG PROGRESS_BAR REPORT "
            "DISABLE_PIP_VERSION_CHECK NO_PYTHON_VERSION_WARNING NO_WARN_CONFLICTS "
            "NO_WARN_SCRIPT_LOCATION ROOT_USER_ACTION USE_FEATURE USE_DEPRECATED",
        ),
        Row(
            Use.KEPT,
            "commands that no task runs",
            "ALGORITHM ALL BASH EDITOR EXCLUDE EXCLUDE_EDITABLE FILES FISH FORMAT GLOBAL "
            "INCLUDE_EDITABLE JSON LOCAL NOT_REQUIRED OUTDATED OUTPUT POWERSHELL SITE UPTODATE "
            "YES ZSH",
        ),
    ),
)

PYTHON = Variables(
    "Python", "PYTHON", (Row(Use.PERSONAL, "where `pip install --user` installs", "USERBASE"),)
)
