"""Corpora past one machine's reach: a plan of parts, workers on Ray Data that write one each, a folder of Parquet."""
