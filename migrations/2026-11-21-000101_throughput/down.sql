DROP TABLE execution_throughput;
