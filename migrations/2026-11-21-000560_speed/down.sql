DROP INDEX idx_executions_created;
DROP INDEX idx_events_title;
DROP INDEX idx_set_parts_held;
