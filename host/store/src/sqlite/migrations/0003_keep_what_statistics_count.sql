-- What statistics count of an action is its first decision, which stays as it was whatever an approval makes of the
-- action later. It stands in the action's first record; here it is found without reading records, which may be large.
-- Where the record was damaged, the outcome that holds now has to do.
ALTER TABLE actions ADD COLUMN first_outcome TEXT;
ALTER TABLE actions ADD COLUMN first_risk_score INTEGER;
-- The rule that decided; null where none did.
ALTER TABLE actions ADD COLUMN first_policy TEXT;
ALTER TABLE actions ADD COLUMN first_rule TEXT;
UPDATE actions SET
    first_outcome = CAST(coalesce(r.body ->> '$.decision.outcome', outcome) AS TEXT),
    first_risk_score = CAST(r.body ->> '$.decision.risk_score' AS INTEGER),
    first_policy = CAST(r.body ->> '$.decision.rule.policy' AS TEXT),
    first_rule = CAST(r.body ->> '$.decision.rule.id' AS TEXT)
FROM records r WHERE r.number = actions.number AND json_valid(r.body);
UPDATE actions SET first_outcome = outcome WHERE first_outcome IS NULL;
