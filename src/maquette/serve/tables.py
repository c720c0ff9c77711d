"""The tables of the service and how to open them: SQLite in WAL mode, or PostgreSQL.

Times are seconds since the epoch. What one statement can do goes through `at_once`; all else through `engine.begin()`,
which on SQLite takes the write lock at the start, so that a transaction never fails half-way.
"""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    exc,
    insert,
    select,
)

from maquette.errors import SettingError

SCHEMA_VERSION = "1"
metadata = MetaData()

jobs = Table(
    "jobs",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("owner", String(40), nullable=False),
    Column("state", String(9), nullable=False),  # queued, running, succeeded, failed, cancelled
    Column("stage", String(5), nullable=False),  # the work it waits for or is in: shape, paint
    Column("priority", Integer, nullable=False),
    Column("model", String(200), nullable=False),
    Column("request", JSON, nullable=False),  # the parameters in canonical names
    Column("aliases", JSON, nullable=False),  # spelling used → canonical name
    Column("files", JSON, nullable=False),  # name → {key, size, sha256, type}, inputs included
    Column("result", JSON),  # how it was made, and notes for people
    Column("progress", JSON),  # {step, fraction}
    Column("error", JSON),  # problem details
    Column("log", Text, nullable=False, default=""),
    Column("created", Float, nullable=False),
    Column("started", Float),
    Column("finished", Float),
    Column("attempts", Integer, nullable=False, default=0),
    Column("worker", String(80)),
    Column("lease", Float),
    Column("cancel", Boolean, nullable=False, default=False),
    Column("version", Integer, nullable=False, default=0),
    Column("idempotency_key", String(200)),
    Column("fingerprint", String(64)),
    Column("webhook", Text),
    UniqueConstraint("owner", "idempotency_key"),
    Index("jobs_owner", "owner", "seq"),
    sqlite_autoincrement=True,
)

Index("jobs_next", jobs.c.state, jobs.c.priority.desc(), jobs.c.seq)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("job", String(36), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("due", Float),  # None once delivered or given up
    Column("outcome", Text),
    Index("deliveries_due", "due"),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("created", Float, nullable=False),
    Column("revoked", Float),
    Column("limits", JSON, nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("stages", JSON, nullable=False),
    Column("loaded", JSON, nullable=False),
    Column("device", String(80)),
    Column("ready", Boolean, nullable=False),
    Column("started", Float, nullable=False),
    Column("seen", Float, nullable=False),
)

facts = Table("facts", metadata, Column("name", String(40), primary_key=True), Column("value", Text))


def open_database(url: str) -> Engine:
    """Connect, and make the tables where they are not there yet.

    Raises:
        SettingError: the URL is not understood, the database cannot be reached, or another version made its tables.
    """
    url = url.replace("postgresql://", "postgresql+psycopg://").replace(
        "postgres://", "postgresql+psycopg://"
    )
    try:
        engine = create_engine(url, pool_size=20, max_overflow=40)
        if engine.dialect.name == "sqlite":
            _prepare_sqlite(engine)
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                lock(connection, 1)  # two processes may start at once
            metadata.create_all(connection)
            _insert_fact(connection, "schema", SCHEMA_VERSION)
            _insert_fact(connection, "webhook_secret", secrets.token_urlsafe(32))
            found = connection.scalar(select(facts.c.value).where(facts.c.name == "schema"))
    except (exc.SQLAlchemyError, ImportError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SettingError(
            f"the database cannot be opened: {reason}", "use sqlite:///file or postgresql://user@host/name"
        ) from error
    if found != SCHEMA_VERSION:
        raise SettingError(
            f"the database has tables of version {found}, this is version {SCHEMA_VERSION}", "use a new one"
        )
    return engine


def at_once(engine: Engine) -> Connection:
    """A connection on which every statement is a transaction of its own: for queries, and for single changes."""
    if (
        engine.dialect.name == "postgresql"
    ):  # spares two round trips; on SQLite the driver is in that mode anyway
        engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    return engine.execution_options(at_once=True).connect()


def lock(connection: Connection, number: int) -> None:
    """Let one transaction at a time pass here (PostgreSQL; on SQLite every writing transaction is alone anyway)."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock(7106, {number:d})")


def fact(engine: Engine, name: str) -> str:
    """A value that was written when the tables were made."""
    with at_once(engine) as connection:
        return str(connection.scalar(select(facts.c.value).where(facts.c.name == name)))


def _insert_fact(connection: Connection, name: str, value: str) -> None:
    if connection.scalar(select(facts.c.name).where(facts.c.name == name)) is None:
        connection.execute(insert(facts).values(name=name, value=value))


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("at_once"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
