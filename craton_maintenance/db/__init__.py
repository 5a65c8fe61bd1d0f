"""The database: tables, transactions, and one module of queries per subject."""
