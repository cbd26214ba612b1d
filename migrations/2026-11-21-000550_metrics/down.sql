DROP INDEX idx_executions_kind;
