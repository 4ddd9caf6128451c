"""The composition root: opens every owner in order, waits for a signal, closes in reverse.

Reading this file tells who lives in the process: the lock on the data directory, the store, the
writer, the builds of environments, the runners, the engine, the webhooks, the server. Each is a
context manager nested in the one before.

A stop is graceful for `stop_grace_s` and then hard, which is always legal: what was acknowledged
is on disk, node processes die with this one, and the next start recovers.
"""

import gc
import os
import resource
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import attrs
import trio

from axiomd.api.app import open_socket, serve
from axiomd.api.box import Box
from axiomd.api.dashboard import open_dashboard
from axiomd.api.webhook_bodies import WebhookBodies
from axiomd.clock import Clock, SystemClock
from axiomd.engine.catalog import Catalog
from axiomd.engine.engine import open_engine
from axiomd.engine.flow_configs import FlowConfigs
from axiomd.engine.keyring import DEFAULT_TENANT, FIRST_START, Keyring, new_key
from axiomd.engine.lag import watch_loop
from axiomd.engine.parts import Parts, log
from axiomd.engine.posting import Poster
from axiomd.engine.provision import Provision
from axiomd.engine.sealer import Sealer
from axiomd.engine.secretive import secretive
from axiomd.engine.sign_in import SignIns, link_text, new_link
from axiomd.engine.signing import Signing
from axiomd.engine.tail import Tail
from axiomd.engine.tenant_secrets import TenantSecrets
from axiomd.engine.tenants import Tenants
from axiomd.engine.tracing import Tracer, open_tracer
from axiomd.engine.webhooks import Webhooks, open_webhooks
from axiomd.ids import Ids
from axiomd.measures import Measures
from axiomd.runners.build_process import remove_drafts
from axiomd.runners.builds import open_environments
from axiomd.runners.environment import PackageFiles
from axiomd.runners.orphans import wait_for_predecessors
from axiomd.runners.registry import open_runners
from axiomd.settings import (
    Settings,
    TraceSettings,
    WebhookSettings,
    connections_allowed,
    process_environment,
)
from axiomd.store.blobs import Blobs
from axiomd.store.env import Store, count_boot, lock_data_dir, note_url, open_store
from axiomd.store.key_file import KeyFile
from axiomd.store.outbox import Outbox
from axiomd.store.reader import Reader
from axiomd.store.sizes import count_living
from axiomd.store.timetable import Timetable
from axiomd.store.upgrade import upgrade
from axiomd.store.vault import Vault
from axiomd.store.writer import Writer, open_writer, write_now

_HARD_STOP_EXTRA_S = 1.0
_GC_THRESHOLD = 20_000
"""Objects between collections: the default of 700 costs 5 % of an execution."""
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where an address that stands for all of them is reached from this machine."""


@attrs.frozen
class Started:
    """What is known once requests are answered."""

    url: str
    first_key: str | None
    """The API key that was made because there was none; shown once."""
    first_link: str | None
    """The sign-in link that was made with it."""


OnStarted = Callable[[Started], None]


async def run(
    settings: Settings, on_started: OnStarted, stopping: trio.Event | None = None
) -> None:
    """Run the box until SIGTERM, SIGINT or `stopping`.

    Raises DataDirBusy, StoreFailed, OSError (the address is taken) before it has started;
    StoreFailed later means that the process must end and be started again.
    """
    stop = stopping or trio.Event()
    directory = settings.data_dir
    connections_max = connections_allowed(settings, _allow_descriptors())
    with (
        lock_data_dir(directory),
        open_store(settings.store, directory, upgrade=upgrade) as store,
    ):
        nodes_lock_fd = wait_for_predecessors(directory / "nodes.lock")
        try:
            async with open_box(settings, store, directory, nodes_lock_fd) as (box, writer):
                serving = partial(serve, box, connections_max=connections_max)
                await _serve_until_stopped(settings, box, writer, store, on_started, stop, serving)
        finally:
            os.close(nodes_lock_fd)


def _allow_descriptors() -> int:
    """Allow as many open files as this process may have, and say how many that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 2**20


@asynccontextmanager
async def open_box(
    settings: Settings, store: Store, directory: Path, nodes_lock_fd: int
) -> AsyncIterator[tuple[Box, Writer]]:
    """Everything but the server, nested in the order in which it must end."""
    clock, tail, reader = SystemClock(), Tail(), Reader(store)
    ids = Ids(clock)
    environments_dir = directory / "environments"
    files, blobs = _open_files(settings, directory)
    log.info("opened", data_dir=str(directory), boot=count_boot(store))
    measures = Measures(count_living(store))
    async with (
        open_writer(store, tail.publish, measures) as writer,
        open_environments(environments_dir, files, settings.environments) as environments,
        open_runners(
            settings.runners,
            environments,
            nodes_lock_fd,
            payload_bytes_max=settings.engine.payload_bytes_max,
            data_dir=directory,
            measures=measures,
        ) as runners,
    ):
        run_blocking = trio.to_thread.run_sync
        catalog = Catalog(writer, reader, blobs, files, environments, clock, ids, run_blocking)
        await catalog.install_missing()
        catalog.resume_builds()
        vault = await _open_vault(settings, store, writer, catalog, clock, ids)
        parts = Parts(
            writer=writer,
            reader=reader,
            timetable=Timetable(store),
            blobs=blobs,
            tail=tail,
            runners=secretive(runners, vault.provision),
            artifact=catalog.artifact,
            rules=catalog.rules,
            terms=vault.configs.terms,
            clock=clock,
            ids=ids,
            chance=ids.chance,
            settings=settings.engine,
            run_blocking=run_blocking,
            retention=settings.retention,
            limits=settings.limits,
            measures=measures,
        )
        sign_ins = SignIns(writer, reader, clock, ids, settings.server.session_days)
        async with (
            _traced(settings.traces, parts) as tracer,
            open_engine(parts) as engine,
        ):
            webhooks = _webhooks(settings.webhooks, parts, Outbox(store), tracer)
            box = Box(
                engine=engine,
                catalog=catalog,
                environments=environments,
                keyring=Keyring(writer, reader, clock, ids),
                sign_ins=sign_ins,
                tenants=Tenants(writer, reader, clock),
                reader=reader,
                clock=clock,
                settings=settings.server,
                webhooks=webhooks,
                secrets=vault.secrets,
                configs=vault.configs,
                provision=vault.provision,
                traces_queued=lambda: tracer.queued if tracer is not None else 0,
            )
            async with open_webhooks(webhooks, WebhookBodies(box).make):
                yield box, writer


def _open_files(settings: Settings, directory: Path) -> tuple[PackageFiles, Blobs]:
    """What lies beside the store, without what a previous process had only begun to write."""
    files = PackageFiles(directory / "packages")
    blobs = Blobs(directory / "blobs", settings.store.sync)
    files.remove_drafts()
    remove_drafts(directory / "environments")
    blobs.remove_drafts()
    return files, blobs


@attrs.frozen(eq=False)
class _OpenVault:
    """Secrets and flow configs, and who hands them out."""

    secrets: TenantSecrets
    configs: FlowConfigs
    provision: Provision


async def _open_vault(
    settings: Settings, store: Store, writer: Writer, catalog: Catalog, clock: Clock, ids: Ids
) -> _OpenVault:
    """What is sealed, once its keys are known to be at hand. Raises KeyFileUnusable."""
    run_blocking = trio.to_thread.run_sync
    vault, key_file = Vault(store), KeyFile(settings.data_dir, ids.random_bytes)
    sealer = Sealer(key_file, vault, run_blocking)
    await run_blocking(sealer.check)
    secrets = TenantSecrets(writer, vault, sealer, clock)
    timeout_s = settings.engine.node_timeout_s
    configs = FlowConfigs(writer, vault, sealer, clock, ids, timeout_s)
    return _OpenVault(secrets, configs, Provision(catalog.manifest_by, secrets, configs))


@asynccontextmanager
async def _traced(settings: TraceSettings, parts: Parts) -> AsyncIterator[Tracer | None]:
    """What tells a collector of all that ends, if there is one."""
    if not settings.otlp_endpoint:
        yield None
        return
    # Late: most boxes have no collector, and need not load what talks to one.
    from axiomd.engine.otlp import Collector

    tracer = Tracer(
        Collector(settings), parts.reader, parts.artifact, parts.measures, parts.run_blocking
    )
    parts.writer.on_ended = tracer.notice
    async with open_tracer(tracer):
        yield tracer


def _webhooks(
    settings: WebhookSettings, parts: Parts, outbox: Outbox, tracer: Tracer | None
) -> Webhooks:
    signing = Signing(parts.writer, outbox, parts.clock, parts.ids)
    webhooks = Webhooks(parts, outbox, signing, settings, Poster(settings))
    if tracer is not None:
        webhooks.on_attempt = tracer.notice_delivery
    return webhooks


async def _serve_until_stopped(
    settings: Settings,
    box: Box,
    writer: Writer,
    store: Store,
    on_started: OnStarted,
    stopping: trio.Event,
    serving: Callable[..., Awaitable[None]],
) -> None:
    dashboard = open_dashboard(process_environment("AXIOMD_WEBUI"))
    listening = open_socket(settings.server)
    started = _introduce(store, *listening.getsockname()[:2])
    drained = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(box.keyring.use.keep)
        nursery.start_soon(_stop_on_signal, stopping)
        nursery.start_soon(_stop_when_broken, writer, stopping)
        nursery.start_soon(_stop_hard_when_late, settings, box, writer, stopping, drained)
        nursery.start_soon(watch_loop, box.engine.parts.measures.loop_lag_s)
        # What lives from here on lives long: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GC_THRESHOLD)
        with listening:
            on_started(started)
            await serving(dashboard, listening, stopping)
        # Node calls have their seconds whether or not anybody waits for their answers.
        await drained.wait()
        nursery.cancel_scope.cancel()
    await box.keyring.use.close()
    if writer.failed is not None:
        raise writer.failed


def _introduce(store: Store, host: str, port: int) -> Started:
    """What is told at the start: the address, and at the first one what lets somebody in."""
    url = f"http://{_bracketed(host)}:{port}"
    # A browser cannot go to the address that stands for all of them.
    reached = f"http://{_bracketed(_LOOPBACK.get(host, host))}:{port}"
    note_url(store, reached)
    clock, reader = SystemClock(), Reader(store)
    if any(not record.console for _, record in reader.api_keys()):
        return Started(url, None, None)
    ids = Ids(clock)
    key, commit = new_key(ids, clock, "first start", DEFAULT_TENANT, FIRST_START)
    write_now(store, commit)
    token, commit = new_link(reader, ids, clock, DEFAULT_TENANT, FIRST_START)
    write_now(store, commit)
    return Started(url, key, link_text(reached, token))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def _stop_on_signal(stopping: trio.Event) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            if stopping.is_set():
                # Asked twice: at once. Nothing is lost, the next start recovers.
                os._exit(128 + number)
            log.info("stopping", signal=signal.Signals(number).name)
            stopping.set()


async def _stop_when_broken(writer: Writer, stopping: trio.Event) -> None:
    await writer.broken.wait()
    log.error("store_failed", error=str(writer.failed))
    stopping.set()


async def _stop_hard_when_late(
    settings: Settings, box: Box, writer: Writer, stopping: trio.Event, drained: trio.Event
) -> None:
    """Drain beside the server's own grace, and end the process if a client holds the server."""
    await stopping.wait()
    allowed_s = max(settings.server.stop_grace_s, settings.engine.drain_s) + _HARD_STOP_EXTRA_S
    timer = threading.Timer(allowed_s, _exit_hard, (writer,))
    timer.daemon = True
    timer.start()
    try:
        await box.engine.drain()
        drained.set()
        await trio.sleep_forever()
    finally:
        # Reached once the server has ended by itself; the rest of the way out is bounded too.
        timer.cancel()


def _exit_hard(writer: Writer) -> None:
    log.warning("stopped_hard", reason="a client did not take its answer in time")
    os._exit(0 if writer.failed is None else 1)
