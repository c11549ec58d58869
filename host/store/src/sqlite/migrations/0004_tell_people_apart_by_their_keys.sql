-- Who sent an action, and who brings a stream, is the holder of a key, which has an id. Names are for people: one may be
-- used again when its key was revoked. Null where there was no key. Of two keys with one name, the one that worked when
-- the action came is meant; only one does at a time.
ALTER TABLE actions ADD COLUMN principal_key_id TEXT;
UPDATE actions SET principal_key_id = (
    SELECT k.id FROM keys k
    WHERE k.name = actions.principal
      AND CAST(strftime('%s', k.created_at) AS INTEGER) * 1000 <= actions.created_at_ms
      AND (k.revoked_at_ms IS NULL OR k.revoked_at_ms >= actions.created_at_ms)
    ORDER BY k.rowid DESC LIMIT 1
);
ALTER TABLE streams ADD COLUMN owner_key_id TEXT;
UPDATE streams SET owner_key_id = (
    SELECT k.id FROM keys k WHERE k.name = streams.owner AND k.revoked_at_ms IS NULL LIMIT 1
);

-- Until when an action that may run may start; null for one that was decided where it runs. What was permitted before
-- has none either, because its records say none: it is proposed again.
ALTER TABLE actions ADD COLUMN start_by_ms INTEGER;
-- Only actions that may still start are in it.
CREATE INDEX startable_actions ON actions (start_by_ms) WHERE status = 'allowed' OR status = 'approved';
