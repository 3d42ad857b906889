"""Judging a run: predictions + labels -> metrics with intervals, curves and figures."""
