"""A model and a labelled corpus in, a Report out; two Reports compared."""
