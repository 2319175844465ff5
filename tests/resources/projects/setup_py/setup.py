import os

from setuptools import find_packages, setup

# read by people, too
REQUIRED = [
    "click>=8",  # the command line
    # old and sound
    'six ~= 1.15; sys_platform != "emscripten"',
]

setup(
    name="shape-py",
    version=os.environ.get("SHAPE_VERSION", "2.0"),  # the release sets it
    packages=find_packages(),
    python_requires=">=3.9",
    install_requires=REQUIRED,
    extras_require={
        "test": ["iniconfig>=2"],  # for the tests
        ':python_version < "3.4"': ["enum34"],
    },
    entry_points={"console_scripts": ["shape-py = shape_py:main"]},
)
