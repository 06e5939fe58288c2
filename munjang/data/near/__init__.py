"""Near copies: texts that differ only in spaces and signs, or by one typing slip or an ending."""
