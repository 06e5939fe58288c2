"""What is in a file that is no plain table: its kind, rows inside rows, folders, and texts marked by signs."""
