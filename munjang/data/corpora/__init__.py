"""Known corpora: their table, and where their files are found."""
