"""Readers of files and folders: tables, their columns and labels, and the writers of tables."""
