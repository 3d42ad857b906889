"""The Explore page's state: the map's galaxies, what is selected of them, what is done with it."""
