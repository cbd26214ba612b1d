DROP TABLE forewarnings;
