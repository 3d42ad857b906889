"""The Training page's state: the form, the trainings that there are, how they get on."""
