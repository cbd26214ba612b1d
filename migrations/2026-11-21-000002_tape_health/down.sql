DROP TABLE tape_health;
