-- What executions there are, by kind and state, is counted from the index alone: their rows are wide, and kept for a year.
CREATE INDEX idx_executions_kind ON job_executions(kind, status, end_time);
