"""What a model's answers are held to, by rows that it was not trained on: verdicts, sets and intervals that hold."""
