"""Settings: their fields, their checks, and how they are read from files and the command line."""
