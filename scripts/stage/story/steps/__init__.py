"""The story's judgements, in the order of the day: before, arrival, session, after, tamper."""
