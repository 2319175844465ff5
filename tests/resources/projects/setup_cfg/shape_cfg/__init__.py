__version__ = "1.4"


def main():
    """Do nothing."""
