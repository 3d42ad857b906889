"""The Training page: the list of trainings, beside it the form of a new one or the one that is looked at."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets
import traitlets

from galcat_app.state.training.page import FORM, TrainingState
from galcat_app.view import training_contents as contents
from galcat_app.view.page import Page
from galcat_app.view.panel import Panel, front, style
from galcat_app.view.watcher import Watcher
from galcat_core.errors import GalcatError

LIVE_SECONDS, STILL_SECONDS = 2.0, 5.0  # between two looks, with and without something that runs

log = logging.getLogger(__name__)


class Trainings(Panel):
    """The list."""

    _esm = front("training/list", "training/common")
    _css = style("training/training")
    selected = traitlets.Unicode("").tag(sync=True)


class Form(Panel):
    """A new training: `content` is the form itself, `draft` what is in it and what is wrong with it."""

    _esm = front("training/form", "training/common")
    draft = traitlets.Dict().tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)
    shown = traitlets.Bool(True).tag(sync=True)


class Detail(Panel):
    """One training: head, curves and log are traits of their own, so that only what changes is sent."""

    _esm = front("training/detail", "training/curves", "training/common")
    curves = traitlets.Dict().tag(sync=True)
    log = traitlets.Dict().tag(sync=True)
    busy = traitlets.Unicode("").tag(sync=True)
    shown = traitlets.Bool(False).tag(sync=True)


class Training(Page):
    """The Training page of a project folder; display it as the last value of a notebook cell.

    Parameters
    ----------
    path : str or Path
        The project folder.
    """

    name = "Training"
    searchable = False

    def __init__(self, path: str | Path) -> None:
        self.errands: set[asyncio.Task] = set()
        self.seen = False
        super().__init__(TrainingState(path))

    def build(self) -> ipywidgets.Widget:
        """Return the body: the list to the left, form or detail to the right."""
        state = self.state
        self.watcher = Watcher(
            state.look,
            state.show,
            lambda: LIVE_SECONDS if state.live else STILL_SECONDS,
        )
        self.list = Trainings(
            {
                "here": lambda m: self.be_seen(),
                "select": lambda m: self.select(m.get("key")),
            },
            self.tell,
        )
        self.form = Form(
            {
                "set": lambda m: state.set(m.get("key"), m.get("text")),
                "reset": lambda m: state.reset(m.get("key")),
                "start": lambda m: self.start(),
            },
            self.tell,
        )
        self.detail = Detail(
            {
                "cancel": lambda m: self.act("cancel", state.cancel, m.get("key")),
                "resume": lambda m: self.act("resume", state.resume, m.get("key")),
                "step": lambda m: self.act("step", state.go_on, m.get("key"), m.get("step")),
                "log": lambda m: self.choose_log(m.get("name")),
                "again": lambda m: state.take_settings_of(m.get("key")),
            },
            self.tell,
        )
        state.observe(lambda _: self.fill_list(), ["trainings"])
        state.observe(lambda _: self.fill_selected(), ["selected", "detail"])
        state.observe(lambda _: self.fill_form(), ["checked", "counted"])
        state.observe(lambda _: self.fill_header(), ["project", "trainings"])
        main = ipywidgets.Box([self.form, self.detail]).add_class("g-main")
        return ipywidgets.Box([self.list, main]).add_class("g-training")

    def fill(self) -> None:
        """Show what the state has now."""
        self.fill_list()
        self.fill_form()
        self.fill_selected()

    def fill_header(self) -> None:
        if self.state.project is not None or self.state.notice is not None:
            super().fill_header()

    def fill_list(self) -> None:
        self.list.content = contents.list_content(self.state)

    def fill_form(self) -> None:
        """Show the form, and ask for the galaxies that it would learn from."""
        if self.state.checked is None:
            return
        with self.form.hold_sync():
            self.form.content = contents.form_content(self.state)
            self.form.draft = contents.draft_content(self.state)
        asked = self.state.asked()
        if asked and asked != self.state.counted.asked:
            self.later(self.state.count, then=self.state.take)

    def fill_selected(self) -> None:
        """Show form or training; a training whose files are still being read comes a moment later."""
        state = self.state
        self.list.selected = state.selected
        there = state.detail is not None and state.detail.training.key == state.selected
        if there:
            with self.detail.hold_sync():
                self.detail.content = contents.detail_content(state)
                self.detail.curves = contents.curves_content(state)
                self.detail.log = contents.log_content(state)
        if there or state.selected == FORM:
            self.form.shown, self.detail.shown = not there, there

    def be_seen(self) -> None:
        """Watch on, since somebody looks at the page."""
        if not self.seen:
            self.seen = True
            self.state.begin()
        self.watcher.awake()

    def select(self, key: Any) -> None:
        self.state.select(key)
        self.watcher.hurry()

    def choose_log(self, name: Any) -> None:
        self.state.choose_log(name)
        self.watcher.hurry()

    def start(self) -> None:
        """Start the training of the form; one start at a time."""
        if self.form.busy:
            return
        self.form.busy = True
        self.later(
            self.state.start, then=self.look_at, finally_=lambda: self._at_rest(self.form, False)
        )

    def act(self, what: str, do: Callable, *arguments: Any) -> None:
        """Do something to a training, one thing at a time; a new job is looked at."""
        if self.detail.busy:
            return
        self.detail.busy = what
        self.later(
            do, *arguments, then=self.look_at, finally_=lambda: self._at_rest(self.detail, "")
        )

    def look_at(self, key: str | None) -> None:
        if key:
            self.state.started(key)

    def _at_rest(self, panel: Any, value: Any) -> None:
        panel.busy = value
        self.watcher.hurry()

    def later(
        self,
        do: Callable,
        *arguments: Any,
        then: Callable = lambda _: None,
        finally_: Callable = lambda: None,
    ) -> None:
        """Do what takes a while in a thread; a mistake becomes one line in the page."""

        async def errand() -> None:
            try:
                then(await asyncio.to_thread(do, *arguments))
            except GalcatError as error:
                self.tell(str(error), "error")
            except Exception as error:  # the page must live on whatever happens below it
                log.exception("%s", do)
                self.tell(
                    f"That did not work ({type(error).__name__}); the server's log says more",
                    "error",
                )
            finally:
                finally_()

        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no kernel around
            asyncio.run(errand())
            return
        task = loop.create_task(errand())
        self.errands.add(task)  # the loop alone would let go of it
        task.add_done_callback(self.errands.discard)
