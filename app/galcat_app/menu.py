"""The pages there are: the name of a notebook (and of its address) -> what it is called."""

PAGES = {"explore": "Explore"}
