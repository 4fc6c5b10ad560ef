"""The composition of the edge process."""

import asyncio
import gc
import signal
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import structlog

from tabard.access.authenticate import Authenticator
from tabard.audit.queue import AuditQueue
from tabard.audit.retention import Retention, RetentionBounds
from tabard.clock import Clock, Deadline, SystemClock, read_clocks
from tabard.credentials.certificate_authority import EDGE_CERTIFICATE_LIVES, open_certificate_authority
from tabard.credentials.identity_certificate import OpenedIdentityKeys
from tabard.credentials.keyrings import OpenedKeyrings
from tabard.edge.audit_flush import AuditFlushes
from tabard.edge.authenticate import Authentication
from tabard.edge.edge_report import EdgeReport
from tabard.edge.forward_json import JsonUpstream
from tabard.edge.forward_s3 import S3Upstream
from tabard.edge.housekeeping import Housekeeping
from tabard.edge.machine_paths import MachinePaths
from tabard.edge.network_path_listener import NetworkPathListener
from tabard.edge.perform import Performer
from tabard.edge.pipeline import Pipeline
from tabard.edge.request_metrics import RequestMetrics
from tabard.edge.server import edge_server
from tabard.edge.table_keys import TableKeys
from tabard.edge.tls import HANDSHAKE_SECONDS, EdgeTls
from tabard.http1.pool import Http1Pool, UnixTarget
from tabard.metrics.page import inherited_page
from tabard.metrics.report import report_forever, write_report
from tabard.model.audit_event import AuditEvent
from tabard.processes.leader_lock import LeaderLock
from tabard.processes.shared_mark import SharedMark
from tabard.processes.sleep_until import sleep_until
from tabard.sigv4.sign import Credentials
from tabard.store.snapshot_source import SqlSnapshotSource
from tabard.store.sqlite import open_sqlite_store
from tabard.wiring.data_dir import DataDir
from tabard.wiring.key_files import master_key_for
from tabard.wiring.process_config import EdgeConfig

EDGE_STARTED = "edge_started"
EDGE_STOPPED = "edge_stopped"
GRACE_SECONDS = 3.0
_EDGE_CERTIFICATE_SECONDS = 24 * 3600.0
_COLLECT_EVERY = 100_000
"""New objects before a collection of the youngest generation: more than wait for a flush of the audit at full
load, because a collection would visit all of them."""

_log = structlog.get_logger()


async def run_edge(config: EdgeConfig) -> None:
    """Serve until SIGTERM or SIGINT. Requests in progress get three seconds."""
    clock = SystemClock()
    page = inherited_page(config.metrics_fd)
    data_dir = DataDir(Path(config.data_dir))
    vault = master_key_for(data_dir)
    store = open_sqlite_store(data_dir.database, vault=vault)
    async with AsyncExitStack() as stack:
        stack.callback(store.close)
        snapshots = SqlSnapshotSource(
            store, clock=clock, bound=timedelta(seconds=config.store_outage_bound_seconds)
        )
        await snapshots.start()
        stack.push_async_callback(snapshots.stop)

        def append(events: Sequence[AuditEvent]) -> None:
            with store.transaction() as tx:
                tx.audit.append(events)

        audit = AuditQueue(append)
        metrics = RequestMetrics(page)
        keyrings = OpenedKeyrings(vault)
        silence_seconds = config.upstream_timeout_seconds
        s3_pool = Http1Pool(
            UnixTarget(path=config.s3_socket), max_connections=256, answer_timeout_seconds=silence_seconds
        )
        json_pool = Http1Pool(
            UnixTarget(path=config.json_socket), max_connections=64, answer_timeout_seconds=silence_seconds
        )
        stack.callback(s3_pool.close)
        stack.callback(json_pool.close)
        dynamodb, sqs = (
            JsonUpstream(
                service=service,
                pool=json_pool,
                secret_header=config.json_secret_header,
                endpoint=config.endpoint,
            )
            for service in ("dynamodb", "sqs")
        )
        s3 = S3Upstream(
            pool=s3_pool,
            credentials=Credentials(
                access_key_id=config.s3_access_key_id, secret_access_key=config.s3_secret_access_key
            ),
            clock=clock,
            region=config.region,
            endpoint=config.endpoint,
        )
        performer = Performer(
            store=store,
            snapshots=snapshots,
            keyrings=keyrings,
            identity_keys=OpenedIdentityKeys(vault),
            upstreams={"dynamodb": dynamodb, "sqs": sqs, "s3": s3},
            table_keys=TableKeys(dynamodb, clock, SharedMark.at(data_dir.table_changes)),
            instance_session_lifetime=timedelta(seconds=config.session_lifetime_seconds),
            metrics=metrics,
        )
        stack.callback(performer.close)
        pipeline = Pipeline(
            snapshots=snapshots,
            keyrings=keyrings,
            authentication=Authentication(
                snapshots=snapshots,
                keyrings=keyrings,
                authenticator=Authenticator(vault),
                clock=clock,
                home_region=config.region,
            ),
            performer=performer,
            audit=audit,
            clock=clock,
            metrics=metrics,
        )
        certificates: dict[str, float] = {}
        report = EdgeReport(
            page=page, snapshots=snapshots, audit=audit, clock=clock, certificates=certificates
        )
        flushes = AuditFlushes(name=config.name, queue=audit, store=store, snapshots=snapshots)
        retention = Retention(
            store=store,
            bounds=RetentionBounds(
                kept_for=timedelta(days=config.audit_kept_days),
                most_bytes=config.audit_limit_megabytes * 1024 * 1024,
            ),
            clock=clock,
            leads=LeaderLock(data_dir.audit_lock).is_held,
        )
        tasks = [
            asyncio.create_task(audit.run(), name="audit"),
            asyncio.create_task(Housekeeping(store, snapshots, clock).run(), name="housekeeping"),
            asyncio.create_task(retention.run(), name="audit-retention"),
            asyncio.create_task(flushes.run(), name="audit-flushes"),
        ]
        stack.callback(lambda: write_report(page, report()))  # once the last events are written
        stack.push_async_callback(_ended, tasks)
        loop = asyncio.get_running_loop()
        front = edge_server(pipeline.answer, clock=clock)
        listeners = [
            await loop.create_server(front, sock=socket.socket(fileno=config.listen_fd), backlog=1024),
            await loop.create_unix_server(
                NetworkPathListener(front), sock=socket.socket(fileno=config.network_path_fd), backlog=1024
            ),
        ]
        fronts = [front]
        if config.host_fd is not None:
            authority = open_certificate_authority(snapshots.current().installation, vault)
            tls = EdgeTls.of(authority, addresses=config.host_addresses, now=clock.now())
            certificates["authority"] = authority.certificate.not_valid_after_utc.timestamp()
            renewing = _renew_daily(tls, certificates, clock)
            tasks.append(asyncio.create_task(renewing, name="edge-certificate"))
            paths = MachinePaths(snapshots=snapshots, clock=clock)
            secure_front = edge_server(pipeline.answer, clock=clock, secure=True, machine_paths=paths)
            fronts.append(secure_front)
            listeners.append(
                await loop.create_server(
                    secure_front,
                    sock=socket.socket(fileno=config.host_fd),
                    backlog=1024,
                    ssl=tls.context,
                    ssl_handshake_timeout=HANDSHAKE_SECONDS,
                )
            )
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        _spare_collector()
        tasks.append(asyncio.create_task(report_forever(page, report), name="report"))
        _log.info(EDGE_STARTED, endpoint=config.endpoint, version=snapshots.current().version)
        await stop.wait()
        report.state = "stopping"
        for listener in listeners:
            listener.close()
        for server in fronts:
            server.pre_shutdown()  # idle connections end at once; requests in progress get the grace
        snapshots.end_waiting()  # agents' long polls are always in progress
        await asyncio.gather(*(each.shutdown(GRACE_SECONDS) for each in fronts))
        _log.info(EDGE_STOPPED)


def _spare_collector() -> None:
    """Collect cycles rarely: the objects of the start stay, and requests leave no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_EVERY, 20, 20)


async def _renew_daily(tls: EdgeTls, certificates: dict[str, float], clock: Clock) -> None:
    """Renew the certificate daily. Args: certificates: receives the expiry of the current one."""
    while True:
        certificates["edge"] = (clock.now() + EDGE_CERTIFICATE_LIVES).timestamp()
        await sleep_until(Deadline.after(read_clocks(clock), _EDGE_CERTIFICATE_SECONDS), clock)
        tls.renew(now=clock.now())


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
