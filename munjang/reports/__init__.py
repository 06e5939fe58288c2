"""What a person reads of a model or a run: cards, HTML reports, plots."""
