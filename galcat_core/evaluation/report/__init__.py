"""A run and its test sets -> one HTML page that needs nothing else: tables, figures, galleries, lineage."""
