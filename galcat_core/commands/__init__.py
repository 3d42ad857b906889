"""The verbs of galcat, a module for each group in the order of the work: what each takes, what it calls.

A module ends in a table of its verbs: for each the function that adds its arguments and returns the call of its
stage, a line that says what it does, and an example. The stages are handed in, so that help never imports them.
"""
