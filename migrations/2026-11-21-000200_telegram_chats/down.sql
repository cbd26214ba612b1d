DROP TABLE telegram_offsets;
DROP TABLE telegram_codes;
DROP TABLE telegram_chats;
