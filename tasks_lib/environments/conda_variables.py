"""The variables of conda, mamba and micromamba, a setting each, and those of rattler.

Source: conda's documentation, 'Configuration', and the settings of conda 24.7.1, 26.7.1 and main at
0f64223 with their older names; mamba and micromamba read both prefixes.
"""

from __future__ import annotations

from tasks_lib.tools.variables import Row, Use, Variables

_ROWS = (
    Row(Use.UNSET, "nothing is installed", "DRY_RUN DOWNLOAD_ONLY"),
    Row(
        Use.UNSET,
        "another environment or platform",
        "TARGET_PREFIX TARGET_PREFIX_OVERRIDE SUBDIR SUBDIRS FORCE_32BIT ENABLE_PRIVATE_ENVS",
    ),
    Row(
        Use.UNSET,
        "other packages than the conda file's",
        "CREATE_DEFAULT_PACKAGES DEPS_MODIFIER UPDATE_MODIFIER AUTO_UPDATE_CONDA SELF_UPDATE "
        "ADD_PIP_AS_PYTHON_DEPENDENCY PIP_INTEROP_ENABLED PREFIX_DATA_INTEROPERABILITY "
        "TRACK_FEATURES ENVIRONMENT_SPECIFIER ENV_SPEC",
    ),
    Row(
        Use.UNSET,
        "what exists is replaced or removed",
        "FORCE FORCE_REINSTALL FORCE_REMOVE CLOBBER DEV",
    ),
    Row(
        Use.DECIDED,
        "the form of the answer",
        "JSON QUIET ALWAYS_YES YES REGISTER_ENVS REPORTERS CONSOLE LIST_FIELDS",
    ),
    Row(
        Use.PERSONAL,
        "channels",
        "CHANNELS CHANNEL DEFAULT_CHANNELS CHANNEL_ALIAS CHANNEL_PRIORITY CHANNEL_SETTINGS "
        "CUSTOM_CHANNELS CUSTOM_MULTICHANNELS MIGRATED_CHANNEL_ALIASES MIGRATED_CUSTOM_CHANNELS "
        "ALLOWLIST_CHANNELS WHITELIST_CHANNELS DENYLIST_CHANNELS OVERRIDE_CHANNELS_ENABLED "
        "RESTORE_FREE_CHANNEL ALLOW_NON_CHANNEL_URLS USE_LOCAL REPODATA_FNS",
    ),
    Row(
        Use.PERSONAL,
        "which versions are chosen",
        "PINNED_PACKAGES IGNORE_PINNED DISALLOWED_PACKAGES DISALLOW AGGRESSIVE_UPDATE_PACKAGES "
        "EXCLUDE_NEWER* COOLDOWN* DEFAULT_PYTHON OVERRIDE_* VIRTUAL_PACKAGES SOLVER "
        "EXPERIMENTAL_SOLVER SAT_SOLVER SOLVER_IGNORE_TIMESTAMPS UNSATISFIABLE_HINTS "
        "UNSATISFIABLE_HINTS_CHECK_DEPTH ALLOW_CONDA_DOWNGRADES ALLOW_CYCLES USE_ONLY_TAR_BZ2",
    ),
    Row(
        Use.PERSONAL,
        "where environments and conda itself are",
        "ENVS_DIRS ENVS_PATH ROOT_PREFIX ROOT_DIR DEFAULT_ROOT_PREFIX",
    ),
    Row(Use.PERSONAL, "network and certificates", "OFFLINE SSL_VERIFY VERIFY_SSL"),
    Row(
        Use.KEPT,
        "proxies, certificates, logins and time limits",
        "PROXY_SERVERS CLIENT_SSL_CERT CLIENT_CERT CLIENT_SSL_CERT_KEY CLIENT_CERT_KEY "
        "ADD_ANACONDA_TOKEN ADD_BINSTAR_TOKEN REMOTE_BACKOFF_FACTOR REMOTE_CONNECT_TIMEOUT_SECS "
        "REMOTE_MAX_RETRIES REMOTE_READ_TIMEOUT_SECS SIGNING_METADATA_URL_BASE "
        "NUMBER_CHANNEL_NOTICES",
    ),
    Row(
        Use.KEPT,
        "caches, and how files are put into an environment",
        "PKGS_DIRS USE_INDEX_CACHE LOCAL_REPODATA_TTL REPODATA_USE_ZST REPODATA_USE_SHARDS "
        "NO_LOCK ALWAYS_COPY COPY ALWAYS_SOFTLINK SOFTLINK ALLOW_SOFTLINKS PATH_CONFLICT "
        "SAFETY_CHECKS EXTRA_SAFETY_CHECKS SEPARATE_FORMAT_CACHE ROLLBACK_ENABLED SHORTCUTS "
        "SHORTCUTS_ONLY NON_ADMIN_ENABLED DEFAULT_THREADS EXECUTE_THREADS FETCH_THREADS "
        "REPODATA_THREADS VERIFY_THREADS",
    ),
    Row(
        Use.KEPT,
        "what is printed, and plugins",
        "DEBUG TRACE VERBOSE VERBOSITY SHOW_CHANNEL_URLS NOTIFY_OUTDATED_CONDA REPORT_ERRORS "
        "ERROR_UPLOAD_URL NO_PLUGINS EXPERIMENTAL PREVIEW ENVVARS_FORCE_UPPERCASE "
        "PROTECT_FROZEN_ENVS",
    ),
    Row(
        Use.KEPT,
        "activation by hand, and commands that no task runs",
        "AUTO_ACTIVATE* DEFAULT_ACTIVATION_ENV EXPORT_PLATFORMS EXTRA_PLATFORMS AUTO_STACK "
        "CHANGEPS1 ENV_PROMPT ANACONDA_UPLOAD BINSTAR_UPLOAD BLD_PATH CROOT CONDA_BUILD",
    ),
)

VARIABLES = (
    Variables("conda", "CONDA_", _ROWS),
    Variables("mamba and micromamba", "MAMBA_", _ROWS),
    Variables(
        "conda",
        "",
        (Row(Use.PERSONAL, "a file of settings of conda's, and of mamba's", "CONDARC MAMBARC"),),
    ),
    Variables(
        "rattler",
        "RATTLER_",
        (Row(Use.KEPT, "the cache, and the file of logins", "CACHE_DIR AUTH_FILE"),),
    ),
)
