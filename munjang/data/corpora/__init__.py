"""Known corpora: the table of them, and where their files are found."""
