"""The dashboards of galcat: `serve` shows a project folder in the browser, `run` until it is ended."""

from galcat_app.server import Server, run, serve

__all__ = ["Server", "run", "serve"]
