"""The reports of a host's instances that the edge has not acknowledged yet."""

import asyncio
from collections.abc import Callable, Collection, Iterable

import structlog

from tabard.agent.edge_client import Edge, EdgeError, EdgeRefused
from tabard.agent.reconcile import ObservedInstance
from tabard.agent.retry_loop import EDGE_CALL_FAILED
from tabard.model.messages import InstanceReport

REPORT_REFUSED = "report_refused"

_REPORTS_AT_ONCE = 1000
_LAST_SECONDS = 2.0
_REPORT_REFUSALS = frozenset({"InstanceNotOnHost", "InvalidReport"})

_log = structlog.get_logger(__name__)


class Reports:
    """The latest report of each instance, until the edge has acknowledged it."""

    def __init__(self, edge: Edge, *, on_acknowledged: Callable[[InstanceReport], None]) -> None:
        self._edge = edge
        self._on_acknowledged = on_acknowledged
        self._waiting: dict[str, InstanceReport] = {}
        self.changed = asyncio.Event()
        """Set when there is a new report."""

    def put(self, report: InstanceReport) -> None:
        """Queue a report, in place of any queued report of the same instance."""
        if self._waiting.get(report.instance_id) != report:
            self._waiting[report.instance_id] = report
            self.changed.set()

    def forget(self, instance_id: str) -> None:
        """Remove any queued report of the instance."""
        self._waiting.pop(instance_id, None)

    async def send(self, *, known: Collection[str]) -> None:
        """Send the queued reports, or only that the host is alive. Raises EdgeError.

        Args: known: the instances that the edge knows of on this host.
        """
        # The edge refuses the whole call if one report names an instance that it has forgotten.
        self._waiting = {key: report for key, report in self._waiting.items() if key in known}
        reports = tuple(self._waiting.values())[:_REPORTS_AT_ONCE]
        try:
            await self._edge.report_instances(reports)
        except EdgeRefused as error:
            if error.code not in _REPORT_REFUSALS:
                raise
            for report in reports:
                await self._send_alone(report)
        else:
            for report in reports:
                self._acknowledge(report)

    async def send_last(self, observed: Iterable[ObservedInstance], *, known: Collection[str]) -> None:
        """Send the reports that the edge does not have yet. Give up after two seconds."""
        last = tuple(
            each.report for each in observed if each.report != each.reported and each.instance_id in known
        )
        if last:
            try:
                async with asyncio.timeout(_LAST_SECONDS):
                    await self._edge.report_instances(last)
            except (EdgeError, TimeoutError) as error:
                _log.info(EDGE_CALL_FAILED, operation="ReportInstances", reason=str(error))

    async def _send_alone(self, report: InstanceReport) -> None:
        try:
            await self._edge.report_instances((report,))
        except EdgeRefused as error:
            _log.warning(
                REPORT_REFUSED, instance_id=report.instance_id, code=error.code, reason=error.message
            )
        # A refused report is not sent again. The next desired state brings the edge's view.
        self._acknowledge(report)

    def _acknowledge(self, report: InstanceReport) -> None:
        self._on_acknowledged(report)
        if self._waiting.get(report.instance_id) == report:
            del self._waiting[report.instance_id]
