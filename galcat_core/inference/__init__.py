"""Run + cutouts -> probabilities, features, how sure they are; in parts, by one process or many.

`predicting` holds what others call, `calibrating` fits what turns a network's word into a probability; below
them: `parts` and `plan` (what is made piece by piece), `crew` and `worker` (who makes it), `look` (all that a
run finds in some pictures), `dropout` and `network`.
"""
