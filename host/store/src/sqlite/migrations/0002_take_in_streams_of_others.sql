-- Who brought a stream: the principal whose request began it, and the only one that may go on with it. The server's own
-- stream has none.
ALTER TABLE streams ADD COLUMN owner TEXT;

-- Actions that a wrapper decided by itself and held. They have no row in `actions` as long as nobody has answered for
-- them: nobody can answer here. `number` is the one of the record of the first decision, and of the action if it comes
-- to be one; `approvals` are the answers of people so far.
CREATE TABLE held_locally (
    id BLOB PRIMARY KEY,
    stream_id INTEGER NOT NULL REFERENCES streams (id),
    number INTEGER NOT NULL,
    approvals TEXT
) STRICT, WITHOUT ROWID;
