-- The first schema has no predecessor: going back means starting with a new database file.
SELECT 1;
