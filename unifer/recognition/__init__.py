"""A photo in, a reading out: faces are found and cropped, the model is asked, its reply is graded and
typed.
"""
