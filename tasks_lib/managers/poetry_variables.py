"""The variables of Poetry: one for each of its settings, and some beside them (Poetry 2.5.1)."""

from __future__ import annotations

from tasks_lib.tools.variables import Row, Use, Variables

POETRY = Variables(
    "Poetry",
    "POETRY_",
    (
        Row(
            Use.UNSET,
            "other versions than the lock's, and other packages removed",
            "INSTALLER_RE_RESOLVE",
        ),
        Row(Use.ENVIRONMENT, "another environment is active", "ACTIVE"),
        Row(
            Use.DECIDED,
            "which environment is used, and how it is made",
            "VIRTUALENVS_CREATE VIRTUALENVS_IN_PROJECT VIRTUALENVS_PATH VIRTUALENVS_PROMPT "
            "VIRTUALENVS_USE_POETRY_PYTHON VIRTUALENVS_OPTIONS_*",
        ),
        Row(Use.PERSONAL, "Poetry's own files", "CONFIG_DIR DATA_DIR HOME"),
        Row(Use.PERSONAL, "which versions are chosen", "SOLVER_MIN_RELEASE_AGE*"),
        Row(
            Use.KEPT,
            "what may be built, and how",
            "INSTALLER_NO_BINARY INSTALLER_ONLY_BINARY INSTALLER_BUILD_CONFIG_SETTINGS*",
        ),
        Row(
            Use.KEPT,
            "indexes, mirrors, certificates and logins",
            "REPOSITORIES_* PYPI_MIRROR_URL PYPI_TOKEN_* HTTP_BASIC_* CERTIFICATES_* "
            "KEYRING_ENABLED SYSTEM_GIT_CLIENT",
        ),
        Row(
            Use.KEPT,
            "network and time limits",
            "REQUESTS_MAX_RETRIES REQUESTS_TIMEOUT SOLVER_LAZY_WHEEL",
        ),
        Row(
            Use.KEPT,
            "caches, and how files are put into an environment",
            "CACHE_DIR INSTALLER_PARALLEL INSTALLER_MAX_WORKERS INSTALLER_BUILTIN_UNINSTALL",
        ),
        Row(Use.KEPT, "where Poetry keeps Pythons", "PYTHON_INSTALLATION_DIR"),
    ),
)
