"""The REST API: one route table, one thin module per resource."""
