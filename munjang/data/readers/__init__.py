"""A user's own file or folder: read as a table, its columns and labels found, and written again."""
