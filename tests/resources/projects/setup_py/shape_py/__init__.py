def main():
    """Do nothing."""
