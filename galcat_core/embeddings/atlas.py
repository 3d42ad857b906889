"""A published catalogue with maps + pictures -> one HTML page (Bokeh) that works in any browser, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bokeh.embed import file_html
from bokeh.layouts import column, row
from bokeh.models import (
    BoxSelectTool,
    Button,
    ColumnDataSource,
    CustomJS,
    DataTable,
    Div,
    HoverTool,
    LassoSelectTool,
    PanTool,
    ResetTool,
    Scatter,
    Select,
    Slider,
    StringFormatter,
    TableColumn,
    WheelZoomTool,
)
from bokeh.plotting import figure
from bokeh.resources import INLINE

from galcat_core.embeddings.colourings import Colouring, colourings, shown_name, texts
from galcat_core.embeddings.sprites import Sprites, sprites
from galcat_core.errors import GalcatError, listed
from galcat_core.evaluation.style import SOFT
from galcat_core.images.store import CutoutStore
from galcat_core.records import Catalogue

HERE = Path(__file__).parent / "templates"
METHODS = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}
SHOWN = 60  # pictures of a selection
LISTED = 1000  # rows of a selection in the table


def atlas(
    catalogue: Catalogue,
    store: CutoutStore | None = None,
    most: int = 50_000,
    pictures: int = 5_000,
    side_px: int = 64,
    title: str = "galcat",
) -> str:
    """Return the page: the map, pictures on hover, colours to choose, a selection to look at and save.

    Parameters
    ----------
    catalogue : Catalogue
        With map coordinates (columns such as tsne_x, tsne_y).
    store : CutoutStore, optional
        Pictures, by the catalogue's ids.
    most : int
        Galaxies at most; of more a random sample is shown, and the page says so.
    pictures : int
        Pictures at most, of galaxies at random; about 2 kB each in the page.
    side_px : int
        Width of a picture.
    title : str
        Heading of the page.

    Raises
    ------
    GalcatError
        The catalogue has no map, or no galaxy of it has a picture in the store.
    """
    methods = _methods(catalogue.table)
    table = _sample(catalogue.table, list(methods), most)
    drawn = _sprites(table, store, pictures, side_px)
    choices = colourings(table, catalogue.meta)
    shown = [c.column for c in choices]
    source = ColumnDataSource(_columns(table, list(methods), shown, drawn))
    return file_html(
        _body(source, methods, choices, table, catalogue.meta.get("positive"), drawn),
        resources=INLINE,
        title=title,
        template=(HERE / "atlas.html").read_text(),
        template_variables={
            "heading": title,
            "told": _told(catalogue, table, drawn),
            "sheets": drawn.sheets if drawn else [],
            "style": (HERE / "atlas.css").read_text(),
            "runs": catalogue.meta.get("runs", []),
        },
    )


def _methods(table: pd.DataFrame) -> dict[str, str]:
    found = [c[:-2] for c in table if c.endswith("_x") and f"{c[:-2]}_y" in table]
    placed = [m for m in found if np.isfinite(table[[f"{m}_x", f"{m}_y"]].to_numpy(float)).any()]
    if not placed:
        raise GalcatError(
            "the catalogue has no map (columns such as tsne_x, tsne_y); publish it with galcat publish "
            "... --map TABLE"
        )
    return {name: METHODS.get(name, name) for name in placed}


def _sample(table: pd.DataFrame, methods: list[str], most: int) -> pd.DataFrame:
    """Return the galaxies that are on a map, or so many of them, in the catalogue's order."""
    places = table[[f"{m}_{axis}" for m in methods for axis in "xy"]].to_numpy(float)
    table = table[np.isfinite(places).any(axis=1)]
    if len(table) <= most:
        return table.reset_index(drop=True)
    kept = np.sort(np.random.default_rng(0).choice(len(table), most, replace=False))
    return table.iloc[kept].reset_index(drop=True)


def _sprites(
    table: pd.DataFrame, store: CutoutStore | None, most: int, side_px: int
) -> Sprites | None:
    if store is None or not most:
        return None
    rows = pd.Index(store.ids).get_indexer(table["id"])
    there = np.flatnonzero(rows >= 0)
    if not len(there):
        raise GalcatError(
            f"{store.path} has no picture of the catalogue's galaxies; give the store that they were "
            "predicted from"
        )
    if len(there) > most:
        left_out = np.random.default_rng(0).choice(there, len(there) - most, replace=False)
        rows[left_out] = -1
    return sprites(store, rows, side_px)


def _columns(
    table: pd.DataFrame, methods: list[str], shown: list[str], drawn: Sprites | None
) -> dict[str, Any]:
    """Return what the browser gets; ids as text, since JavaScript's numbers end at 2**53."""
    found: dict[str, Any] = {"id": table["id"].astype(str).to_numpy(object)}
    for name in ("ra_deg", "dec_deg"):
        found[name] = table[name].to_numpy(float)
    for name in shown:
        mapped = table[name]
        numeric = pd.api.types.is_numeric_dtype(mapped) and not pd.api.types.is_bool_dtype(mapped)
        as_text = name == "cluster" or not numeric
        found[name] = (
            texts(mapped, name).to_numpy(object)
            if as_text
            else mapped.to_numpy(np.float32, na_value=np.nan)
        )
    for method in methods:
        places = table[[f"{method}_x", f"{method}_y"]].to_numpy(np.float32)
        found[f"{method}_x"], found[f"{method}_y"] = places.T.copy()
    found["x"], found["y"] = found[f"{methods[0]}_x"], found[f"{methods[0]}_y"]
    if drawn is not None:
        found["sheet"] = drawn.sheet.astype(np.int32)
        found["box"] = np.where(drawn.sheet >= 0, drawn.side_px, 0).astype(np.int32)
        found["px"], found["py"] = (-x.astype(np.int32) for x in (drawn.x_px, drawn.y_px))
    return found


def _body(
    source: ColumnDataSource,
    methods: dict[str, str],
    choices: list[Colouring],
    table: pd.DataFrame,
    positive: str | None,
    drawn: Sprites | None,
) -> Any:
    """Return the layout: controls, legend and map to the left, the selection to the right."""
    plot = figure(
        sizing_mode="stretch_both",
        min_height=420,
        min_width=380,
        tools=[PanTool(), WheelZoomTool(), BoxSelectTool(), LassoSelectTool(), ResetTool()],
        active_scroll="auto",
        match_aspect=True,
        toolbar_location="above",
        output_backend="canvas",
        background_fill_color="#fbfbf9",
        border_fill_color=None,
        outline_line_color="#e2e2dc",
        css_classes=["map"],
    )
    plot.axis.visible = False
    plot.grid.visible = False
    plot.toolbar.logo = None
    color = {"field": choices[0].column, "transform": choices[0].mapper} if choices else SOFT
    size = float(np.clip(900 / np.sqrt(max(len(table), 1)), 3, 9))
    glyph = Scatter(x="x", y="y", size=size, fill_color=color, line_color=None, fill_alpha=0.8)
    faint = Scatter(x="x", y="y", size=size, fill_color=color, line_color=None, fill_alpha=0.08)
    points = plot.add_glyph(source, glyph, selection_glyph=glyph.clone(), nonselection_glyph=faint)
    plot.add_tools(
        HoverTool(
            renderers=[points],
            tooltips=_tooltip(table, positive, drawn),
            attachment="horizontal",
            limit=1,
        )
    )
    glyphs = [points.glyph, points.selection_glyph, points.nonselection_glyph]
    legend = Div(
        text=_legend(choices[0]) if choices else "",
        css_classes=["legend"],
        stylesheets=[_style()],
    )
    side = _side(source, positive, drawn)
    controls = _controls(source, methods, choices, glyphs, legend, plot)
    left = column(controls, legend, plot, sizing_mode="stretch_both", spacing=8)
    return row(left, side, sizing_mode="stretch_both", spacing=20)


def _legend(colouring: Colouring) -> str:
    return f'<div class="legend">{colouring.legend}</div>'


def _style() -> str:
    return (HERE / "atlas_parts.css").read_text()


def _controls(
    source: ColumnDataSource,
    methods: dict[str, str],
    choices: list[Colouring],
    glyphs: list[Scatter],
    legend: Div,
    plot: Any,
) -> Any:
    which = Select(title="Map", value=next(iter(methods)), options=list(methods.items()), width=96)
    which.js_on_change(
        "value",
        CustomJS(
            args={"source": source, "plot": plot},
            code="""
            source.data.x = source.data[`${cb_obj.value}_x`];
            source.data.y = source.data[`${cb_obj.value}_y`];
            source.change.emit();
            plot.reset.emit();
            """,
        ),
    )
    names = [(c.column, c.name) for c in choices]
    colour = Select(title="Colour by", value=names[0][0] if names else "", options=names, width=178)
    told = {
        "names": [c.column for c in choices],
        "mappers": [c.mapper for c in choices],
        "legends": [_legend(c) for c in choices],
    }
    colour.js_on_change(
        "value",
        CustomJS(
            args={"glyphs": glyphs, "legend": legend, **told},
            code="""
            const at = names.indexOf(cb_obj.value);
            for (const glyph of glyphs) glyph.fill_color = {field: names[at], transform: mappers[at]};
            legend.text = legends[at];
            """,
        ),
    )
    size = Slider(
        title="Size", start=1, end=16, step=0.5, value=round(glyphs[0].size * 2) / 2, width=96
    )
    alpha = Slider(title="Opacity", start=0.1, end=1, step=0.05, value=0.8, width=96)
    size.js_on_change(
        "value",
        CustomJS(args={"glyphs": glyphs}, code="for (const g of glyphs) g.size = cb_obj.value;"),
    )
    alpha.js_on_change(
        "value",
        CustomJS(
            args={"glyphs": glyphs},
            code="glyphs[0].fill_alpha = cb_obj.value; glyphs[1].fill_alpha = cb_obj.value;",
        ),
    )
    return row(
        which,
        colour,
        size,
        alpha,
        sizing_mode="stretch_width",
        styles={"flex-wrap": "wrap", "gap": "6px 14px"},
    )


def _tooltip(table: pd.DataFrame, positive: str | None, drawn: Sprites | None) -> str:
    """Return what hovering shows; a style may only be set where Bokeh fills the values in itself."""
    shown = [c for c in (f"p_{positive}", "predicted", "cluster") if c in table]
    lines = [
        f"<div>{shown_name(c)} <b>@{{{c}}}{'{0.00}' if c.startswith('p_') else ''}</b></div>"
        for c in shown
    ]
    picture = ""
    if drawn is not None:
        picture = (
            f'<div style="width:{drawn.side_px}px;height:@{{box}}px;zoom:2;border-radius:4px;'
            'background:var(--s@{sheet}) @{px}px @{py}px, #0b0b0d"></div>'
        )
    return (
        '<div style="font:13px/1.4 system-ui,sans-serif;color:#1b1d22;padding:2px">'
        f'{picture}<div style="font-weight:600;margin-top:4px">@id</div>{"".join(lines)}</div>'
    )


def _side(source: ColumnDataSource, positive: str | None, drawn: Sprites | None) -> Any:
    """Return the panel of what is selected: count, pictures, table, and a button that saves it."""
    style = _style()
    hint = (
        "Draw a box or a lasso on the map (tools above it) to look at galaxies here; hold Shift to add "
        "to them."
    )
    head = Div(
        text=f"<h2>Selected galaxies</h2><p>{hint}</p>",
        stylesheets=[style],
        sizing_mode="stretch_width",
    )
    shown = Div(text="", stylesheets=[style], sizing_mode="stretch_width", css_classes=["gallery"])
    columns = [c for c in source.data if c not in {"x", "y", "sheet", "box", "px", "py"}]
    wide = {"id": 172, f"p_{positive}": 60, "predicted": 72, "ra_deg": 78, "dec_deg": 78}
    wide = {name: width for name, width in wide.items() if name in columns}
    chosen = ColumnDataSource({name: [] for name in wide})
    rows = DataTable(
        source=chosen,
        columns=[
            TableColumn(field=name, title=name, width=width, formatter=StringFormatter())
            for name, width in wide.items()
        ],
        sizing_mode="stretch_both",
        min_height=160,
        index_position=None,
        visible=False,
    )
    save = Button(label="Save the selection as CSV", button_type="primary", disabled=True)
    args = {
        "source": source,
        "head": head,
        "shown": shown,
        "chosen": chosen,
        "save": save,
        "table": rows,
        "hint": hint,
        "side": drawn.side_px if drawn else 0,
        "most": [SHOWN, LISTED],
    }
    source.selected.js_on_change(
        "indices", CustomJS(args=args, code=(HERE / "selected.js").read_text())
    )
    save.js_on_click(
        CustomJS(args={"source": source, "columns": columns}, code=(HERE / "save.js").read_text())
    )
    return column(
        head, save, shown, rows, width=430, sizing_mode="stretch_height", css_classes=["side"]
    )


def _told(catalogue: Catalogue, table: pd.DataFrame, drawn: Sprites | None) -> str:
    """Return one sentence on what is shown of what."""
    whole, here = len(catalogue), len(table)
    galaxies = f"{here:,} galaxies" if here == whole else f"{here:,} of {whole:,} galaxies"
    surveys = listed(sorted({str(s).upper() for s in table["survey"].dropna()}))
    pictured = int((drawn.sheet >= 0).sum()) if drawn else 0
    with_pictures = (
        "no pictures"
        if not pictured
        else ("each with its picture" if pictured == here else f"{pictured:,} with pictures")
    )
    return f"{galaxies} of {surveys}, {with_pictures}"
