DROP TABLE notification_templates;
DROP TABLE notification_open;
DROP TABLE notification_outbox;
DROP TABLE notification_rule_channels;
DROP TABLE notification_rules;
DROP TABLE notification_channels;
