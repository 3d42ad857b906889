// What is selected (or everything): as pictures or as a table, page by page.

const VIEWS = { pictures: "Pictures", table: "Table" };

function render({ model, el }) {
  el.classList.add("galcat", "g-panel", "g-gallery");
  let view = "pictures";
  const send = (message) => model.send(message);
  const views = segments("Show as", VIEWS, view, (key) => { view = key; fill(); });
  const title = h("h2.g-title", { "aria-live": "polite" });
  const clear = h("button.g-button.g-square.g-quiet", { "aria-label": "Clear the selection", title: "Clear the selection",
    onclick: () => send({ kind: "clear" }) }, icon("M6 6l8 8M14 6l-8 8"));
  const sortId = uniqueId();
  const sort = h("select.g-select", { id: sortId, onchange: (e) => send({ kind: "sort", key: e.target.value }) });
  const body = h("div.g-body", { tabindex: "0", role: "region", "aria-label": "Galaxies" });
  const turn = (step) => send({ kind: "page", page: model.get("content").page + step });
  const back = h("button.g-button.g-square", { "aria-label": "Previous page", onclick: () => turn(-1) }, icon("M12 4l-6 6 6 6"));
  const next = h("button.g-button.g-square", { "aria-label": "Next page", onclick: () => turn(1) }, icon("M8 4l6 6-6 6"));
  const pager = h("span.g-number.g-muted", { "aria-live": "polite" });
  const asked = h("div.g-asked", { role: "status", hidden: true });
  const actions = actionBar(model);
  el.append(
    h("div.g-toolbar", {}, title, clear, h("span.g-gap"), views),
    actions.bar, asked, body,
    h("div.g-toolbar.g-foot", {}, h("label.g-unseen", { for: sortId }, "Order"), sort, h("span.g-gap"),
      back, pager, next));

  function fill() {
    const content = model.get("content");
    title.replaceChildren(content.title, " ", h("span.g-count", {}, commas(content.count)));
    clear.hidden = !content.selected;
    sort.replaceChildren(...content.sorts.map(({ key, name: label }) => h("option", { value: key }, label)));
    sort.value = content.sort;
    pager.textContent = `${commas(content.page + 1)} / ${commas(content.pages)}`;
    back.disabled = content.page === 0;
    next.disabled = content.page >= content.pages - 1;
    body.replaceChildren(view === "pictures" ? pictures(content, send) : table(content, send));
    body.dataset.view = view;
    body.dataset.first = content.cells[0]?.id ?? "";
    ask();
    mark();
  }

  /** What the galaxies are the answer to, or the picture whose features are being made. */
  function ask() {
    const { query } = model.get("content");
    const { upload } = model.get("tools");
    const waits = upload?.status === "working";
    asked.hidden = !waits && !query;
    if (waits) {
      asked.replaceChildren(picture(upload.jpeg, `Your picture ${upload.name}`),
        h("span.g-asked-text", {}, "Finding the like of ", h("strong", {}, upload.name), h("span.g-asked-step", {}, upload.steps[upload.step]),
          h("span.g-asked-laps", { role: "progressbar", "aria-label": "Steps", "aria-valuemin": "0", "aria-valuemax": String(upload.steps.length), "aria-valuenow": String(upload.step), "aria-valuetext": upload.steps[upload.step] },
            upload.steps.map((_, n) => h("span", { "data-state": n < upload.step ? "done" : n === upload.step ? "now" : "open" })))),
        h("span.g-working", { "aria-hidden": "true" }),
        h("button.g-button.g-quiet", { onclick: () => send({ kind: "upload stop" }) }, "Stop"));
    } else if (query) {
      asked.replaceChildren(query.jpeg ? picture(query.jpeg, `Picture of ${query.title}`) : "",
        h("span.g-asked-text", {}, "Most like ", h("strong", {}, query.title)));
    }
  }

  function mark() {
    const focus = String(model.get("focus"));
    body.querySelectorAll("[data-row]").forEach((cell) => {
      cell.classList.toggle("g-current", cell.dataset.row === focus);
    });
  }

  const turned = () => { body.scrollTop = 0; fill(); };
  model.on("change:content", turned);
  model.on("change:tools", ask);
  model.on("change:focus", mark);
  const ended = onTheme(fill);
  return () => { ended(); actions.end(); };
}

function pictures(content, send) {
  return h("ul.g-cells", { "aria-label": `Pictures, page ${content.page + 1} of ${content.pages}` },
    content.cells.map((cell) => h("li", {}, h("button.g-cell", {
      "data-row": cell.row, "data-id": cell.id, title: cell.id, onclick: () => send({ kind: "focus", row: cell.row }),
    },
    cell.jpeg ? picture(cell.jpeg, `Galaxy ${cell.id}`) : h("span.g-none", {}, cell.why),
    cell.label ? h("span.g-badge", { title: `Label: ${cell.label}` }, cell.label) : null,
    caption(cell, content)))));
}

function caption(cell, content) {
  const id = h("span.g-id", {}, h("bdo", { dir: "ltr" }, cell.id));
  if (cell.p === null) return h("span.g-caption", {}, id);
  const theme = document.documentElement.dataset.galcatTheme ?? "light";
  const colour = content.ramp[theme][Math.round(cell.p * (content.ramp[theme].length - 1))];
  return h("span.g-caption", {},
    id, h("span.g-meter", { "aria-hidden": "true" }, h("span", { style: `width:${(100 * cell.p).toFixed(1)}%;background:${colour}` })),
    h("span.g-number", {}, h("span.g-unseen", {}, `probability of ${content.positive} `), cell.p.toFixed(2)));
}

function table(content, send) {
  return h("table.g-table", {},
    h("caption.g-unseen", {}, `${content.title}, page ${content.page + 1} of ${content.pages}`),
    h("thead", {}, h("tr", {}, content.columns.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, content.cells.map((cell) => h("tr", { "data-row": cell.row },
      cell.values.map((value, n) => (n
        ? h("td", {}, value)
        : h("th", { scope: "row" }, h("button.g-link", { onclick: () => send({ kind: "focus", row: cell.row }) }, value))))))));
}

export default { render };
