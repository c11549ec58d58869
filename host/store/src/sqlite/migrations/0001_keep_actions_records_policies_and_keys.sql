-- One row for each chain of records, with its head. The head is what the next record is sealed behind.
CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    stream TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    record_hash TEXT NOT NULL
) STRICT;

-- `body` is the whole record as canonical JSON. A record is larger than what fits well into an index page, so the
-- table has rowids and the place in the chain is an index of its own. The record of an action's first decision has
-- the action's own number, so that the two are found from each other without an index; the later ones name it in
-- `action_number`.
CREATE TABLE records (
    number INTEGER PRIMARY KEY,
    stream_id INTEGER NOT NULL REFERENCES streams (id),
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    action_number INTEGER,
    body TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX records_by_place ON records (stream_id, seq);
CREATE INDEX records_by_action ON records (action_number) WHERE action_number IS NOT NULL;

-- What lists filter by and what every change touches. Numbers are in the order of creation. The canonical action,
-- its first decision and the consulted state are not here: they are read out of the record with the same number.
CREATE TABLE actions (
    number INTEGER PRIMARY KEY,
    -- The 16 bytes of the UUID.
    id BLOB NOT NULL,
    status TEXT NOT NULL,
    version INTEGER NOT NULL,
    principal TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    tool TEXT NOT NULL,
    operation TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason_code TEXT NOT NULL,
    risk_level TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    approval_token TEXT,
    expires_at_ms INTEGER,
    duration_us INTEGER NOT NULL,
    stream_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    record_hash TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT;
-- An id starts with four random bytes, so that people can tell actions apart by them, and goes on with the time. The
-- index starts with the time: new ids come at its end, and do not each dirty a page somewhere in it.
CREATE UNIQUE INDEX actions_by_id ON actions (substr(id, 5), id);
-- Only actions that somebody waits for are in it, so it stays small however many actions there are.
CREATE INDEX open_actions ON actions (status) WHERE status = 'pending_approval' OR status = 'executing';

-- What came to an action after its first decision. Most have no row.
CREATE TABLE action_texts (
    number INTEGER PRIMARY KEY,
    decision TEXT,
    state TEXT,
    approvals TEXT,
    error TEXT,
    result TEXT
) STRICT;

-- Answers to requests that may come twice. Rowids are in the order of time, so the oldest are found without an index.
CREATE TABLE idempotency (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    response TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX idempotency_by_key ON idempotency (scope, key);

-- Policy files by the SHA-256 of their bytes, never overwritten.
CREATE TABLE policy_files (
    file_hash TEXT PRIMARY KEY,
    content BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Engine modules by the SHA-256 of their bytes, never overwritten: every decision can be made again by the one that
-- made it.
CREATE TABLE engine_modules (
    engine_hash TEXT PRIMARY KEY,
    wasm BLOB NOT NULL
) STRICT;

CREATE TABLE policy_sets (
    policy_hash TEXT NOT NULL,
    name TEXT NOT NULL,
    file_hash TEXT NOT NULL REFERENCES policy_files (file_hash),
    PRIMARY KEY (policy_hash, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE policy_versions (
    number INTEGER PRIMARY KEY,
    policy_hash TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    stream_id INTEGER NOT NULL REFERENCES streams (id),
    seq INTEGER NOT NULL,
    record_hash TEXT NOT NULL
) STRICT;

CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    agents TEXT NOT NULL,
    approver_roles TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at_ms INTEGER,
    revoked_at_ms INTEGER
) STRICT;
-- The name of a revoked key may be used again.
CREATE UNIQUE INDEX live_keys_by_name ON keys (name) WHERE revoked_at_ms IS NULL;

-- Written to show that the database can be written to.
CREATE TABLE probes (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    count INTEGER NOT NULL
) STRICT;
INSERT INTO probes (id, count) VALUES (1, 0);
