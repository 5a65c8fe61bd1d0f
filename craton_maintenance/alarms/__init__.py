"""Who listens: alarms of the projects concerned, looked up for operators.

Nothing depends on it. Where Aodh can't be read the answer says what is not known.
"""
