"""Classification of very large files: a plan of parts, workers on Ray Data that write them, a folder of Parquet."""
