DROP INDEX idx_tapes_held;
DROP INDEX idx_tapes_lost;
DROP INDEX idx_tape_health_life;
