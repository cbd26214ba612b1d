-- How fast an execution was, over its whole length: JSON of executions::Throughput, at most 720 points.
CREATE TABLE execution_throughput (
    execution_id INTEGER PRIMARY KEY NOT NULL REFERENCES job_executions(id) ON DELETE CASCADE,
    series TEXT NOT NULL
);
