"""What people read about a model or a run: cards, HTML reports, plots."""
