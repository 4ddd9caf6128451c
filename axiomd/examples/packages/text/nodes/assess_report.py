from gen.axiom_context import AxiomContext
from gen.messages_pb2 import Assessment, Report

TROUBLE = ("CRITICAL", "ERROR", "WARNING")


def assess_report(ax: AxiomContext, input: Report) -> Assessment:
    """Say what the counts, merged from all branches, mean."""
    levelled = sum(count.lines for count in input.levels)
    trouble = sum(count.lines for count in input.levels if count.level in TROUBLE)
    share = trouble / levelled if levelled else 0.0
    if share > 0.5:
        ax.log.warn("more trouble than not", share=round(share, 3))
    return Assessment(report=input, trouble_share=share, verdict=_verdict(levelled, share))


def _verdict(levelled: int, share: float) -> str:
    if not levelled:
        return "No line mentions a log level: this is probably not a log."
    return f"{share:.0%} of the {levelled} lines with a log level tell of trouble."
