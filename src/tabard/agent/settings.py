"""Settings of an agent."""

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """The settings of one agent.

    rotate_every: replace sessions at least this often, whatever their lifetime; None: at half of it.
    wait_seconds: how long one poll of the desired state waits for a change, 0 to 60.
    heartbeat: how often the host reports to the edge when nothing changes.
    stop_grace: how long an instance may take to end on request.
    machine_stop_grace: how long a virtual machine may take to shut down when it is stopped or rebooted.
    check_peers: whether only processes of the instance's own uid can read metadata (Linux); None: wherever
    this machine can check that.
    leaves_running: whether its instances continue to run after it ends.
    ends_when_revoked: whether it ends once its host is removed; otherwise it retries without end.
    first_session_wait: how long the start of an instance waits for its first session and its identity.
    first_retry: how long the agent waits after the first failure of the edge; each further delay doubles.
    seed: of the jitter; None: from the system's entropy.
    """

    rotate_every: timedelta | None = None
    wait_seconds: int = 20
    heartbeat: timedelta = timedelta(seconds=20)
    stop_grace: timedelta = timedelta(seconds=10)
    machine_stop_grace: timedelta = timedelta(seconds=90)
    check_peers: bool | None = None
    leaves_running: bool = False
    ends_when_revoked: bool = False
    first_session_wait: timedelta = timedelta(seconds=10)
    first_retry: timedelta = timedelta(seconds=1)
    seed: int | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.wait_seconds <= 60:
            raise ValueError("wait_seconds is 0 to 60")
        if self.rotate_every is not None and self.rotate_every < timedelta(seconds=1):
            raise ValueError("rotate_every is at least one second")
