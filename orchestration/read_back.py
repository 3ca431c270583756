"""The job that reads everything back from the destinations and compares it with the ledger."""

import dagster as dg

from common.settings import Settings


def read_back_job(settings: Settings) -> dg.JobDefinition:
    """Return the job. It only looks; a run is red when destination and ledger differ, and says what to do."""

    @dg.op(name="compare", description="Every destination of every segment against the ledger.")
    def compare(context: dg.OpExecutionContext) -> None:
        from activation.audit import AuditReport, NotObservableError, audit_all

        if settings.activation_mode != "live":
            context.log.info("SIYU_ACTIVATION_MODE is not live: nothing was sent, nothing is read back")
            return
        wrong = []
        for name, report in audit_all(settings):
            line = report.line() if isinstance(report, AuditReport) else f"{name}: {report}"
            context.log.info(line)
            fine = (
                report.agrees if isinstance(report, AuditReport) else isinstance(report, NotObservableError)
            )
            if not fine:
                wrong.append(line)
        if wrong:
            raise dg.Failure("\n".join([*wrong, "look at it, then `siyu reconcile --repair`"]))

    @dg.job(
        name="read_back",
        description="What is at the destinations, compared with what the ledger knows. Nothing is changed.",
        executor_def=dg.in_process_executor,
    )
    def read_back() -> None:
        compare()

    return read_back
