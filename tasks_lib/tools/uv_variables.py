"""The variables of uv. Source: its documentation, 'Environment variables', and uv 0.13.9 itself."""

from __future__ import annotations

from tasks_lib.tools.variables import Row, Use, Variables

UV = Variables(
    "uv",
    "UV_",
    (
        Row(
            Use.UNSET,
            "another project or folder",
            "PROJECT WORKING_DIR WORKING_DIRECTORY NO_PROJECT ISOLATED",
        ),
        Row(Use.UNSET, "the lock or the environment stays as it is", "FROZEN LOCKED NO_SYNC"),
        Row(Use.UNSET, "other groups", "DEV NO_DEV NO_GROUP NO_DEFAULT_GROUPS"),
        Row(
            Use.UNSET,
            "a part of what is locked, or from another place, or in another form",
            "EXCLUDE NO_EDITABLE NO_SOURCES NO_SOURCES_PACKAGE NO_INSTALLER_METADATA "
            "NO_INSTALL_LOCAL NO_INSTALL_PROJECT NO_INSTALL_WORKSPACE "
            "ONLY_INSTALL_LOCAL ONLY_INSTALL_PROJECT ONLY_INSTALL_WORKSPACE",
        ),
        Row(
            Use.UNSET,
            "which Pythons are found; an environment of another one is deleted",
            "MANAGED_PYTHON NO_MANAGED_PYTHON PYTHON_PREFERENCE",
        ),
        Row(Use.ENVIRONMENT, "another environment", "PROJECT_ENVIRONMENT PYTHON"),
        Row(
            Use.DECIDED,
            "how an environment is made",
            "SYSTEM_PYTHON VENV_CLEAR VENV_SEED VENV_RELOCATABLE",
        ),
        Row(
            Use.DECIDED,
            "where `pkg.publish` uploads, and its login",
            "PUBLISH_URL PUBLISH_INDEX PUBLISH_CHECK_URL PUBLISH_TOKEN PUBLISH_USERNAME "
            "PUBLISH_PASSWORD",
        ),
        Row(
            Use.PERSONAL,
            "which versions are chosen",
            "RESOLUTION PRERELEASE PRERELEASE_PACKAGE FORK_STRATEGY CONSTRAINT OVERRIDE "
            "BUILD_CONSTRAINT EXCLUDE_NEWER EXCLUDE_NEWER_PACKAGE TORCH_BACKEND "
            "CUDA_DRIVER_VERSION AMD_GPU_ARCHITECTURE",
        ),
        Row(Use.PERSONAL, "uv's own files of settings", "CONFIG_FILE NO_CONFIG NO_SYSTEM_CONFIG"),
        Row(
            Use.KEPT,
            "what may be built, and what must be verified",
            "NO_BINARY NO_BINARY_PACKAGE NO_BUILD NO_BUILD_PACKAGE NO_BUILD_ISOLATION "
            "REQUIRE_HASHES REQUIRE_BUILD_HASHES NO_VERIFY_HASHES MALWARE_CHECK "
            "MALWARE_CHECK_URL BREAK_SYSTEM_PACKAGES SKIP_WHEEL_FILENAME_CHECK "
            "INSECURE_NO_ZIP_VALIDATION",
        ),
        Row(
            Use.KEPT,
            "indexes, mirrors and logins",
            "DEFAULT_INDEX INDEX INDEX_* INDEX_URL EXTRA_INDEX_URL INDEX_STRATEGY FIND_LINKS "
            "ASTRAL_MIRROR_URL PYTHON_INSTALL_MIRROR PYPY_INSTALL_MIRROR GRAALPY_INSTALL_MIRROR "
            "PYODIDE_INSTALL_MIRROR PYTHON_DOWNLOADS_JSON_URL S3_ENDPOINT_URL GCS_ENDPOINT_URL "
            "AZURE_ENDPOINT_URL KEYRING_PROVIDER CREDENTIALS_DIR API_KEY AUTH_TOKEN NO_HF_TOKEN "
            "NO_GITHUB_FAST_PATH GITHUB_FAST_PATH_URL GIT_LFS REQUIRE_METADATA_RANGE_REQUESTS "
            "PUBLISH_NO_ATTESTATIONS",
        ),
        Row(
            Use.KEPT,
            "network, certificates and time limits",
            "OFFLINE INSECURE_HOST NATIVE_TLS SYSTEM_CERTS HTTP_TIMEOUT REQUEST_TIMEOUT "
            "HTTP_CONNECT_TIMEOUT UPLOAD_HTTP_TIMEOUT HTTP_RETRIES LOCK_TIMEOUT",
        ),
        Row(
            Use.KEPT,
            "caches, and how files are put into an environment",
            "CACHE_DIR NO_CACHE LINK_MODE COMPILE_BYTECODE COMPILE_BYTECODE_TIMEOUT "
            "CONCURRENT_* LEGACY_TAR_BACKEND",
        ),
        Row(
            Use.KEPT,
            "where Pythons are, and whether `uv venv` downloads one",
            "PYTHON_DOWNLOADS PYTHON_INSTALL_DIR PYTHON_INSTALL_BIN PYTHON_INSTALL_REGISTRY "
            "PYTHON_NO_REGISTRY PYTHON_BIN_DIR PYTHON_CACHE_DIR PYTHON_SEARCH_PATH "
            "PYTHON_CPYTHON_BUILD PYTHON_PYPY_BUILD PYTHON_GRAALPY_BUILD PYTHON_PYODIDE_BUILD "
            "LIBC",
        ),
        Row(
            Use.KEPT,
            "what is printed, and previews",
            "NO_PROGRESS NO_WRAP LOG_CONTEXT SHOW_RESOLUTION HIDE_BUILD_OUTPUT STACK_SIZE PREVIEW "
            "PREVIEW_FEATURES",
        ),
        Row(
            Use.KEPT,
            "commands that no task runs",
            "ENV_FILE NO_ENV_FILE INIT_BARE INIT_BUILD_BACKEND RUN_* TOOL_DIR TOOL_BIN_DIR "
            "CUSTOM_COMPILE_COMMAND GITHUB_TOKEN DOWNLOAD_URL INSTALL_DIR INSTALLER_* "
            "UNMANAGED_INSTALL NO_MODIFY_PATH INTERNAL__*",
        ),
    ),
)
