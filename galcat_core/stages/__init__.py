"""The stages on files: paths in, one result out, with its provenance; what is there already is kept.

Each function loads records, calls the stage of the same name in its room, and saves. The command
line, the demo and the notebooks call these. A result whose inputs and settings are unchanged is not
made again, so that a second run of anything takes seconds.
"""

from galcat_core.stages.catalogues import match, publish, select, simulate
from galcat_core.stages.certainty import calibrate
from galcat_core.stages.ds19 import ds19
from galcat_core.stages.finetuning import finetune
from galcat_core.stages.judging import evaluate, threshold
from galcat_core.stages.labelling import embed, predict
from galcat_core.stages.learning import split, train, transfer
from galcat_core.stages.maps import atlas, cluster, project
from galcat_core.stages.pictures import cutouts
from galcat_core.stages.repeating import repeat
from galcat_core.stages.report import report
from galcat_core.stages.scaling import scaling
from galcat_core.stages.work import say

__all__ = [
    "atlas",
    "calibrate",
    "cluster",
    "cutouts",
    "ds19",
    "embed",
    "evaluate",
    "finetune",
    "match",
    "predict",
    "project",
    "publish",
    "repeat",
    "report",
    "say",
    "scaling",
    "select",
    "simulate",
    "split",
    "threshold",
    "train",
    "transfer",
]
