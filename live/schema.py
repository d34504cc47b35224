"""The journal's tables. A change is one more migration at the end; those that stand here never change."""

from live.database import Kind

_DECISIONS = """
CREATE TABLE decisions (
    id INTEGER PRIMARY KEY,
    signal_id TEXT NOT NULL UNIQUE,
    series TEXT NOT NULL,
    ts INTEGER NOT NULL,
    at INTEGER NOT NULL,
    role TEXT NOT NULL,
    bundle_sha256 TEXT NOT NULL,
    open REAL, high REAL, low REAL, close REAL, volume REAL, spread REAL,
    bar_sha256 TEXT NOT NULL,
    tail_sha256 TEXT NOT NULL,
    p_down REAL, p_flat REAL, p_up REAL,
    score REAL, expected_r_long REAL, expected_r_short REAL, confidence REAL,
    atr REAL,
    session INTEGER NOT NULL,
    side INTEGER NOT NULL,
    size REAL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    overlay INTEGER NOT NULL,
    bars_since_exit INTEGER NOT NULL,
    cash REAL, equity REAL, peak REAL, open_risk REAL,
    day INTEGER NOT NULL,
    day_equity REAL, day_result REAL,
    day_trades INTEGER NOT NULL,
    losses INTEGER NOT NULL,
    halted INTEGER NOT NULL,
    booked INTEGER NOT NULL,
    UNIQUE (series, ts, role)
) STRICT;
"""

_ORDERS = """
CREATE TABLE orders (
    client_id TEXT PRIMARY KEY,
    series TEXT NOT NULL,
    side INTEGER NOT NULL,
    size REAL NOT NULL,
    atr REAL NOT NULL,
    decided INTEGER NOT NULL,
    signal_id TEXT NOT NULL,
    state TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX orders_by_time ON orders (decided);
CREATE INDEX orders_by_signal ON orders (signal_id);
CREATE INDEX orders_by_state ON orders (state);
CREATE TABLE order_states (
    id INTEGER PRIMARY KEY,
    client_id TEXT NOT NULL,
    state TEXT NOT NULL,
    at INTEGER NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX order_states_by_order ON order_states (client_id);
CREATE TABLE executions (
    number INTEGER PRIMARY KEY,
    client_id TEXT NOT NULL,
    series TEXT NOT NULL,
    ts INTEGER NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    side INTEGER NOT NULL,
    size REAL NOT NULL,
    price REAL NOT NULL,
    stop REAL NOT NULL,
    target REAL NOT NULL,
    cost REAL NOT NULL,
    r REAL NOT NULL,
    pnl REAL NOT NULL
) STRICT;
CREATE INDEX executions_by_series ON executions (series)
"""

_EVENTS = """
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    pid INTEGER NOT NULL,
    host TEXT NOT NULL,
    mode TEXT NOT NULL,
    started INTEGER NOT NULL,
    ended INTEGER,
    how TEXT
) STRICT;
CREATE TABLE halts (
    id INTEGER PRIMARY KEY,
    level INTEGER NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    lifted INTEGER,
    lifted_by TEXT
) STRICT;
CREATE INDEX halts_open ON halts (id) WHERE lifted IS NULL;
CREATE TABLE feed_events (
    id INTEGER PRIMARY KEY,
    series TEXT NOT NULL,
    ts INTEGER NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
"""

JOURNAL = Kind("journal", 0x4153534A, (_DECISIONS + _ORDERS + ";" + _EVENTS,))
