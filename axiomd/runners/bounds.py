"""What a call may take of the machine, and what it means when its process ended of that.

The limits themselves are set by the node process (`child/limits.py`).
"""

import attrs

from axiomd.execution.call import Crashed, Failure, NodeCall, Outcome

STARVED_BY = frozenset({"SIGABRT", "SIGSEGV", "SIGBUS", "SIGTRAP", "SIGILL"})
"""How libraries end a process that gets no memory."""


@attrs.frozen
class Bounds:
    """The limits of one box."""

    memory_mib: int = 0
    """For calls that have none of their own; 0 for no limit."""
    hard: bool = False
    """Whether node code can raise its limits again."""

    def of(self, call: NodeCall) -> dict[str, int | bool]:
        """The limits of a call, as its process reads them; 0 for none."""
        return {
            "memory_mib": self._memory(call),
            "cpu_seconds": call.cpu_seconds or 0,
            "hard": self.hard,
        }

    def spoiled(self, call: NodeCall, outcome: Outcome | None) -> bool:
        """Whether a process is no use for other calls after this one."""
        if isinstance(outcome, Failure) and outcome.kind == "OUT_OF_MEMORY":
            return True
        return self.hard and bool(self._memory(call) or call.cpu_seconds)

    def judge(self, call: NodeCall, outcome: Outcome) -> Outcome:
        """`outcome`, where a death is the end of a limit: what it was."""
        if not isinstance(outcome, Crashed):
            return outcome
        if outcome.reason == "SIGXCPU" and call.cpu_seconds:
            used_up = f"used up its {call.cpu_seconds} s of processor time; its process was killed"
            return Failure("TIMEOUT", used_up)
        memory = self._memory(call)
        if outcome.reason in STARVED_BY and memory:
            return Crashed(f"{outcome.reason}, with a memory limit of {memory} MiB")
        return outcome

    def _memory(self, call: NodeCall) -> int:
        return call.memory_mib or self.memory_mib
