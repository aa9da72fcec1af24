"""Whether all ranks of a server are in one replica.

An engine that runs on several pods is started with their number, `--nnodes 2`, and each pod is one rank
of it. One pod alone serves nothing, so a replica has to be all of them.
"""

import re
from collections.abc import Iterator

from poolkeeper.advice.placement.amounts import mappings
from poolkeeper.advice.placement.remark import Placement, Remark
from poolkeeper.advice.placement.size import PodsAsking

MOST_CHARACTERS = 10_000
"""Of the command line that is looked at."""
_NODES = re.compile(r"--(?:nnodes|num-nodes|num_nodes)(?:=|\s+)[\"']?([0-9]{1,4})(?![0-9:.])", re.ASCII)
"""As torchrun, vLLM and SGLang take it. Of `--nnodes 1:4`, between one and four, nothing follows."""


def rank_remarks(placement: Placement) -> Iterator[Remark]:
    """What a replica needs to hold all ranks that its pods are started as."""
    pods = sum(part.pods for part in placement.replica)
    ranks = max((_ranks(part) for part in placement.replica), default=1)
    if ranks < 2 or ranks == pods:
        return
    each = "each pod counts as a replica" if pods == 1 else f"a replica has {pods} pods"
    mend = {
        "StatefulSet": f"write in the pool replicas: {{step: {ranks}}}, and min and max as multiples of it",
        "LeaderWorkerSet": f"write in the target leaderWorkerTemplate: {{size: {ranks}}}",
    }.get(placement.target_kind, f"use a LeaderWorkerSet of size {ranks}, whose pods know their ranks")
    yield Remark(
        "RanksApart",
        f"the pods are started as ranks of one server (--nnodes {ranks}), of which {ranks} serve together "
        f"and fewer serve nothing, and {each}: {mend}",
    )


def _ranks(part: PodsAsking) -> int:
    """The number of pods that a server of this template is started on; 1 where none is named."""
    for container in mappings(part.spec.get("containers")):
        lists = (container.get(key) for key in ("command", "args"))
        words = [word for each in lists if isinstance(each, list) for word in each if isinstance(word, str)]
        found = _NODES.search(" ".join(words)[:MOST_CHARACTERS])
        if found:
            return int(found.group(1))
    return 1
