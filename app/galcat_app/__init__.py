"""The dashboards of galcat: `serve` shows a project folder in the browser."""

from galcat_app.server import Server, serve

__all__ = ["Server", "serve"]
