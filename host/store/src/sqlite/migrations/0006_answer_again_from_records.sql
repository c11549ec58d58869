-- A request that comes again is answered from the records: what is kept is the record that it led to.
CREATE TABLE answered (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    -- 0 where the answer named no record, which no version has written; such a request is refused and not done again.
    record INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;

INSERT INTO answered (scope, key, body_hash, record, at_ms)
SELECT scope, key, body_hash,
       coalesce((SELECT r.number FROM records r JOIN streams s ON s.id = r.stream_id
                 WHERE s.stream = response ->> '$.receipt.stream' AND r.seq = response ->> '$.receipt.seq'), 0),
       at_ms
FROM idempotency WHERE json_valid(response) ORDER BY rowid;

INSERT INTO answered (scope, key, body_hash, record, at_ms)
SELECT scope, key, body_hash, 0, at_ms FROM idempotency WHERE NOT json_valid(response);

DROP TABLE idempotency;
ALTER TABLE answered RENAME TO idempotency;
CREATE UNIQUE INDEX idempotency_by_key ON idempotency (scope, key);
