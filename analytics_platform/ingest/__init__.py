"""From Kafka to rows: plan, record batches and decoding are pure; only `kafka/` touches Kafka."""
