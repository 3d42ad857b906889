// The pairs of one page: as pictures, both surveys' side by side, or as a table.

const MARK_NAMES = {
  bad_match: () => "bad match",
  bad_left_image: (surveys) => `bad ${surveys.left} image`,
  bad_right_image: (surveys) => `bad ${surveys.right} image`,
};

/** A box that selects a pair; the pair's own button does the same with Ctrl, or with the space bar. */
function tick(cell, surveys, pick) {
  return h("input.g-tick", { type: "checkbox", tabindex: "-1", "data-tick": cell.row, "aria-label": `Select ${surveys.left} ${cell.ids.left} and ${surveys.right} ${cell.ids.right}`,
    onclick: (e) => { e.stopPropagation(); pick(cell.row, e, "tick"); } });
}

function asPictures(content, images, pick) {
  return h("ul.g-pair-cells", { "aria-label": `Pairs, page ${content.page + 1} of ${content.pages}` },
    content.cells.map((cell) => {
      const pair = images.get(cell.row);
      return h("li", {}, h("button.g-pair-cell", {
        "data-row": cell.row, "data-id": cell.ids.left, "data-twin": cell.ids.right,
        "aria-label": describe(cell, content.surveys), onclick: (e) => pick(cell.row, e),
      },
      h("span.g-pair-pictures", {}, ["left", "right"].map((side) => frame(imageOf(pair, side), pair?.[side], pair?.bar, cell, side))),
      caption(cell, content)), tick(cell, content.surveys, pick));
    }));
}

function asTable(content, images, pick, sort) {
  const heads = content.table.map((column) => {
    const sorted = column.key === content.sort;
    const way = sorted ? (content.descending ? "descending" : "ascending") : null;
    return h("th", { scope: "col", "aria-sort": way, title: column.note || null }, h("button.g-head", {
      onclick: () => sort(column.key, sorted && !content.descending),
    }, column.name, sorted ? h("span", { "aria-hidden": "true" }, content.descending ? " ↓" : " ↑") : null));
  });
  return h("table.g-table.g-pairs-table", {},
    h("caption.g-unseen", {}, `Pairs, page ${content.page + 1} of ${content.pages}`),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Pair"), heads)),
    h("tbody", {}, content.cells.map((cell) => h("tr", { "data-row": cell.row, "data-id": cell.ids.left, onclick: (e) => pick(cell.row, e) },
      h("th", { scope: "row" }, h("span.g-picked", {}, tick(cell, content.surveys, pick),
        h("button.g-thumbs", { "data-row": cell.row, "aria-label": describe(cell, content.surveys), onclick: (e) => { e.stopPropagation(); pick(cell.row, e); } },
          ["left", "right"].map((side) => h("span.g-thumb", {}, imageOf(images.get(cell.row), side) ?? h("span.g-none")))))),
      cell.values.map((value, n) => h("td", { class: content.table[n].kind === "number" ? "g-right" : null }, value))))));
}

/** <img> of a picture of a pair, made once: a flag does not load it again. */
function imageOf(pair, side) {
  const one = pair?.[side];
  if (!one?.image) return null;
  one.element ??= picture(one.image, "", { class: "g-sky-picture" });
  return one.element;
}

function describe(cell, surveys) {
  const marks = cell.marks.map((mark) => MARK_NAMES[mark](surveys));
  return [`${surveys.left} ${cell.ids.left} and ${surveys.right} ${cell.ids.right}`,
    `${cell.separation.replace("″", " arcseconds")} apart`, cell.newLabel ?? cell.label, ...marks].filter(Boolean).join(", ");
}

/** A picture in a frame that is as wide as the wider of the two: both have one angular scale. */
function frame(image, one, bar, cell, side) {
  const bad = cell.marks.includes(`bad_${side}_image`);
  return h(`span.g-pair-frame${bad ? ".g-bad" : ""}`, {},
    image ? h("span.g-pair-picture", { style: `width:${(100 * one.share).toFixed(2)}%` }, image) : h("span.g-none", {}, one?.why ?? ""),
    h("span.g-survey", {}, one?.survey ?? ""),
    image && bar ? h("span.g-scale", { style: `width:${(100 * bar.fraction).toFixed(2)}%` }, side === "left" ? `${bar.arcsec}″` : "") : null);
}

function caption(cell, content) {
  const theme = document.documentElement.dataset.galcatTheme ?? "light";
  const ramp = content.ramp[theme];
  const chance = (told) => (told ? h("span.g-chance", { title: `${told.predicted}: probability of ${told.positive} ${told.p.toFixed(3)}` },
    h("span.g-dot", { style: `background:${ramp[Math.round(told.p * (ramp.length - 1))]}` }), told.p.toFixed(2)) : h("span.g-chance.g-muted", {}, "–"));
  const label = cell.newLabel ? [h("s", {}, cell.label ?? "–"), " ", h("strong", {}, cell.newLabel)] : cell.label ?? "no label";
  return h("span.g-pair-caption", { "aria-hidden": "true" },
    h("span.g-pair-line", {}, h("span.g-number", {}, cell.separation), h("span.g-pair-label", {}, label), marksOf(cell, content.surveys)),
    cell.p.left || cell.p.right ? h("span.g-pair-line.g-chances", {}, chance(cell.p.left), chance(cell.p.right)) : null);
}

function marksOf(cell, surveys) {
  if (!cell.reviewed) return null;
  if (!cell.marks.length) return h("span.g-mark-good", { title: "Reviewed" }, icon("M4 10.5l4 4 8-9"));
  return h("span.g-mark-bad", { title: cell.marks.map((mark) => MARK_NAMES[mark](surveys)).join(", ") },
    icon("M5 17V4M5 4h10l-2.5 3.5L15 11H5"));
}
