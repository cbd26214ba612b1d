DROP TABLE audit_chain;
ALTER TABLE audit_logs DROP COLUMN hash;
