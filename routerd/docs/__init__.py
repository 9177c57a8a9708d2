"""Manual pages, shell completion and the schema of the configuration, made from the tables that the program goes by.

`python -m routerd.docs DIRECTORY` writes them; the daemon loads nothing of this.
"""
