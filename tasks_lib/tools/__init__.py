"""Where the tools are, which package index they use, and what their messages mean."""
