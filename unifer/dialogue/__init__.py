"""What the model is shown and what it says: one prompt, one image rule, one grader for every stage."""
