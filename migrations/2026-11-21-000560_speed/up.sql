-- Which parts of which sets are on which tapes: asked of all tapes at once, and a row of a part carries its frame table.
CREATE INDEX idx_set_parts_held ON backup_set_parts(tape_id, backup_set_id, part_number);
-- What was said or done lately, of all that was in all the years.
CREATE INDEX idx_events_title ON events(title, created_at);
CREATE INDEX idx_executions_created ON job_executions(created_at);
