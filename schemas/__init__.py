"""JSON Schemas; installed as ``craton_maintenance.schemas``, read as resources."""
