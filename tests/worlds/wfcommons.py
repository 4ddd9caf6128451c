"""Flows in the form in which the WfCommons collection publishes workflows, and how to run them.

An instance is JSON: `workflow.specification.tasks`, each with an `id`, its `parents` and its
`children`. The families below are written after the published structure of their applications.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from worlds.flows import flow

from axiomd.flow.artifact import Artifact

Tasks = dict[str, list[str]]
"""Each task's parents."""


def instance(name: str, tasks: Tasks) -> dict[str, Any]:
    """The JSON of an instance."""
    children: dict[str, list[str]] = {task: [] for task in tasks}
    for task, parents in tasks.items():
        for parent in parents:
            children[parent].append(task)
    listed = [
        {"id": task, "name": task.split("_")[0], "parents": parents, "children": children[task]}
        for task, parents in tasks.items()
    ]
    return {
        "name": name,
        "schemaVersion": "1.5",
        "workflow": {"specification": {"tasks": listed, "files": []}},
    }


def artifact_of(document: Mapping[str, Any]) -> Artifact:
    """The artifact of an instance: a placement for each task, one entry and one terminal."""
    tasks: Sequence[Mapping[str, Any]] = document["workflow"]["specification"]["tasks"]
    arrows = [f"{parent}>{task['id']}" for task in tasks for parent in task["parents"]]
    begin = [f"begin>{task['id']}" for task in tasks if not task["parents"]]
    end = [f"{task['id']}>end" for task in tasks if not task["children"]]
    return flow(" ".join([*begin, *arrows, *end]))


def epigenomics(lanes: int) -> dict[str, Any]:
    """One split, a chain of four steps for each lane, a gate of all lanes, and two steps more."""
    tasks: Tasks = {"fastqSplit": []}
    steps = ("filterContams", "sol2sanger", "fast2bfq", "map")
    for lane in range(lanes):
        before = "fastqSplit"
        for step in steps:
            tasks[f"{step}_{lane}"] = [before]
            before = f"{step}_{lane}"
    tasks["mapMerge"] = [f"map_{lane}" for lane in range(lanes)]
    tasks |= {"maqIndex": ["mapMerge"], "pileup": ["maqIndex"]}
    return instance("epigenomics", tasks)


def montage(images: int) -> dict[str, Any]:
    """Projected images, the differences of neighbours, one model of all, corrected images."""
    tasks: Tasks = {f"mProject_{image}": [] for image in range(images)}
    diffs = []
    for image in range(images - 1):
        diffs.append(f"mDiffFit_{image}")
        tasks[diffs[-1]] = [f"mProject_{image}", f"mProject_{image + 1}"]
    tasks |= {"mConcatFit": diffs, "mBgModel": ["mConcatFit"]}
    corrected = [f"mBackground_{image}" for image in range(images)]
    tasks |= {name: [f"mProject_{i}", "mBgModel"] for i, name in enumerate(corrected)}
    tasks |= {"mImgtbl": corrected, "mAdd": ["mImgtbl"], "mViewer": ["mAdd"]}
    return instance("montage", tasks)


def genome(chromosomes: int, parts: int, populations: int) -> dict[str, Any]:
    """For each chromosome many individuals that are merged, and analyses of each population."""
    tasks: Tasks = {}
    for chromosome in range(chromosomes):
        some = [f"individuals_{chromosome}_{part}" for part in range(parts)]
        tasks |= {name: [] for name in some}
        merged, sifted = f"individualsMerge_{chromosome}", f"sifting_{chromosome}"
        tasks |= {merged: some, sifted: []}
        for population in range(populations):
            for analysis in ("mutationOverlap", "frequency"):
                tasks[f"{analysis}_{chromosome}_{population}"] = [merged, sifted]
    return instance("1000genome", tasks)
