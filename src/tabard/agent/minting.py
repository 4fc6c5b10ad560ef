"""Requests due sessions from the edge, a few at a time, and passes the outcomes to the instances."""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from tabard.agent.agent_metrics import AgentMetrics
from tabard.agent.edge_client import Edge, EdgeError, MintRefused
from tabard.agent.instance_credentials import DueSession, InstanceCredentials
from tabard.clock import Clock

SESSION_SERVED = "session_served"
SESSION_REFUSED = "session_refused"
SESSION_NOT_MINTED = "session_not_minted"

_AT_A_TIME = 8

_log = structlog.get_logger(__name__)


class Minting:
    """Requests sessions. It calls `on_outcome` with the instance id after each answer or failure."""

    def __init__(
        self,
        edge: Edge,
        *,
        clock: Clock,
        on_outcome: Callable[[str], None],
        metrics: AgentMetrics | None = None,
    ) -> None:
        self._edge = edge
        self._clock = clock
        self._on_outcome = on_outcome
        self._metrics = metrics or AgentMetrics()
        self._places = asyncio.Semaphore(_AT_A_TIME)

    async def run(self, due_sessions: Iterable[tuple[InstanceCredentials, DueSession]]) -> None:
        """Return once every request has an outcome. An outage is an outcome too: a retry follows later."""
        await asyncio.gather(*(self._fetch(credentials, due) for credentials, due in due_sessions))

    async def _fetch(self, credentials: InstanceCredentials, due: DueSession) -> None:
        log = _log.bind(instance_id=due.instance_id, role_delivery=due.role_delivery)
        try:
            async with self._places:
                answer = await self._edge.get_instance_session(due.instance_id, due.role_delivery)
        except MintRefused as refusal:
            self._metrics.count_session("refused")
            log.warning(SESSION_REFUSED, code=refusal.code, reason=refusal.message)
            credentials.accept_refusal(
                due, code=refusal.code, message=refusal.message, refused_at=self._clock.now()
            )
        except EdgeError as error:
            self._metrics.count_session("failed")
            log.warning(SESSION_NOT_MINTED, code=error.code, reason=error.message)
        else:
            replaces_another = due.slot.rotation.session is not None
            if credentials.accept(due, answer):
                self._metrics.count_session("renewed" if replaces_another else "minted")
                minted = answer.credentials
                log.info(SESSION_SERVED, access_key_id=minted.access_key_id, role_name=minted.role_name)
        finally:
            credentials.accept_failure(due)  # no effect after any other outcome
            self._on_outcome(due.instance_id)
