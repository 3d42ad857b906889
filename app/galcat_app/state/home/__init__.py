"""The Home page's state: what is in the project folder, what to do next, the simulated survey."""
