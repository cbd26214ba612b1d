-- The uuid of the label that is being written to a tape: if the server dies behind that, the tape is known by it.
ALTER TABLE tapes ADD COLUMN labelling_uuid TEXT;
