"""The Pairs page's state, from the list of matches up to what is said of them."""
