"""Flows: the hook for Craton's workers (entry points in ``craton.workflow``).

The contract, as Craton's ``craton.workflow.base.WorkflowFactory`` has it: a class
whose ``workflow()`` returns a TaskFlow flow.
"""
