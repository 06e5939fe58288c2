"""Settings: what they are, how they are checked, and how they are read from files and the command line."""
