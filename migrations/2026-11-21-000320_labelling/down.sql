ALTER TABLE tapes DROP COLUMN labelling_uuid;
