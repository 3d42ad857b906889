"""What the threshold panel shows, as plain dicts made from the state; no widget in here."""

from __future__ import annotations

from typing import Any

from galcat_app.state.explore import sample
from galcat_app.state.explore.page import ExploreState
from galcat_app.view.contents import RAMP


def sample_content(state: ExploreState) -> dict[str, Any]:
    """Return the histogram of a class's probability and what each threshold chooses."""
    classes = sample.classes(state.project)
    if not classes:
        return {"classes": []}
    found = sample.sample(state.project, state.labels, state.sampled)
    ramp = RAMP
    if state.sampled != state.project.positive:
        ramp = {theme: colours[::-1] for theme, colours in RAMP.items()}
    return {
        "classes": classes,
        "name": found.name,
        "steps": sample.STEPS,
        "chosen": found.chosen.tolist(),
        "judged": found.judged.tolist(),
        "right": found.right.tolist(),
        "ofClass": found.of_class,
        "histogram": found.histogram.tolist(),
        "total": found.total,
        "missing": found.missing,
        "learnt": found.learnt,
        "ramp": ramp,
    }
