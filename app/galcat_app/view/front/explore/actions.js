// What can be done with the selection: label it, keep it under a name, find its like, export it.

const LOOK_EVERY = 300;

function actionBar(model) {
  const send = (message, buffers) => model.send(message, {}, buffers);
  const menus = [labelMenu(send), keepMenu(send), similarMenu(send), exportMenu(send)];
  const bar = h("div.g-actions", { role: "group", "aria-label": "With the selection" }, menus.map((menu) => menu.el));
  const fill = () => menus.forEach((menu) => menu.fill(model.get("content"), model.get("tools")));
  let timer = 0;
  const watch = () => {
    clearInterval(timer);
    if (model.get("tools").upload?.status === "working") timer = setInterval(() => send({ kind: "upload look" }), LOOK_EVERY);
  };
  model.on("change:content", fill);
  model.on("change:tools", fill);
  model.on("change:tools", watch);
  fill();
  watch();
  return { bar, end: () => clearInterval(timer) };
}

/** A button that opens a sheet where the window has room for it; it closes when the focus goes elsewhere, or by Escape. */
function menu(name, side, ...inside) {
  const place = () => {
    if (!el.open) return;
    el.classList.remove("g-above");
    sheet.style.translate = "";
    const { left, right, bottom, height } = sheet.getBoundingClientRect();
    el.classList.toggle("g-above", bottom > innerHeight && el.getBoundingClientRect().top > height + 8);
    const beyond = Math.max(0, right + 8 - innerWidth);
    sheet.style.translate = `${Math.max(0, 8 - left) - beyond}px 0`;
  };
  const sheet = h("div.g-sheet", {}, ...inside);
  new ResizeObserver(place).observe(sheet);
  const el = h(`details.g-menu.${side}`, {
    ontoggle: place,
    onfocusout: (e) => { if (e.relatedTarget && !el.contains(e.relatedTarget)) el.open = false; },
    onkeydown: (e) => { if (e.key === "Escape" && el.open) { el.open = false; el.querySelector("summary").focus(); e.stopPropagation(); } },
  }, h("summary.g-button", {}, name), sheet);
  document.addEventListener("pointerdown", (e) => { if (!el.contains(e.target)) el.open = false; });
  return el;
}

const galaxies = (count) => `${commas(count)} ${count === 1 ? "galaxy" : "galaxies"}`;
const NOTHING = "Select galaxies on the map first: with the box, the lasso, or a click on the legend.";

function labelMenu(send) {
  const told = h("p"), given = h("p"), classes = h("div.g-buttons.g-wrap"), id = uniqueId();
  const other = h("input.g-input", { id, maxlength: "40", spellcheck: "false", placeholder: "merger, artefact, …" });
  const give = (name) => { send({ kind: "label", name }); el.open = false; };
  const use = h("button.g-button", { type: "submit" }, "Label");
  const take = h("button.g-link", { onclick: () => give(null) }, "Take my labels away");
  const el = menu("Label", "g-left", told, classes,
    h("form.g-row", { onsubmit: (e) => { e.preventDefault(); if (other.value.trim()) give(other.value.trim()); } },
      h("label.g-unseen", { for: id }, "Another label"), other, use),
    take, given);
  const fill = (content, tools) => {
    told.textContent = content.selected ? `What are the ${galaxies(content.count)}?` : NOTHING;
    classes.replaceChildren(...(tools.classes ?? []).map((name) => h("button.g-button", { disabled: !content.selected, onclick: () => give(name) }, name)));
    use.disabled = take.disabled = !content.selected;
    take.hidden = !tools.labels?.length;
    given.textContent = tools.labels?.length
      ? `Yours so far: ${tools.labels.map(([name, count]) => `${commas(count)} ${name}`).join(", ")}. In ${tools.file}.`
      : `Labels are written into ${tools.file} at once.`;
  };
  return { el, fill };
}

function keepMenu(send) {
  const told = h("p"), list = h("ul.g-kept", { "aria-label": "Kept selections" }), id = uniqueId();
  const name = h("input.g-input", { id, maxlength: "64", spellcheck: "false", placeholder: "odd-ones" });
  const keep = h("button.g-button", { type: "submit" }, "Keep");
  const el = menu("Keep", "g-left", told,
    h("form.g-row", { onsubmit: (e) => { e.preventDefault(); if (name.value.trim()) { send({ kind: "keep", name: name.value.trim() }); name.value = ""; } } },
      h("label.g-unseen", { for: id }, "Name of the selection"), name, keep), list);
  const fill = (content, tools) => {
    told.textContent = content.selected ? `Keep ${galaxies(content.count)} under a name.` : NOTHING;
    keep.disabled = name.disabled = !content.selected;
    list.replaceChildren(...(tools.kept ?? []).map((kept) => h("li", {},
      h("button.g-kept-name", { title: `Select ${kept.name} (Shift adds, Alt takes away)`, onclick: (e) => { send({ kind: "take", name: kept.name, mode: e.shiftKey ? "add" : e.altKey ? "remove" : "replace" }); el.open = false; } },
        h("span", {}, kept.name), h("span.g-muted.g-number", {}, commas(kept.count))),
      removeButton(kept.name, () => send({ kind: "remove", name: kept.name })))));
    list.hidden = !tools.kept?.length;
  };
  return { el, fill };
}

/** It asks once more before it removes. */
function removeButton(name, remove) {
  const button = h("button.g-button.g-quiet.g-small", { "aria-label": `Remove ${name}`, onclick: () => {
    if (button.dataset.sure) return remove();
    button.dataset.sure = "yes";
    button.replaceChildren("Remove?");
    return setTimeout(() => { delete button.dataset.sure; button.replaceChildren(cross()); }, 4000);
  } }, cross());
  return button;
}
const cross = () => icon("M6 6l8 8M14 6l-8 8");

function similarMenu(send) {
  const told = h("p"), id = uniqueId(), fileId = uniqueId();
  let most = 0;
  const number = h("select.g-select", { id }, [24, 48, 96, 240].map((n) => h("option", { value: n, selected: n === 48 }, n)));
  const wanted = () => Number(number.value);
  const like = h("button.g-button", { onclick: () => { send({ kind: "similar", number: wanted() }); el.open = false; } }, "Like the selection");
  const wrong = h("p.g-wrong", { role: "alert" });
  const file = h("input.g-unseen", { id: fileId, type: "file", accept: "image/jpeg,image/png", onclick: () => send({ kind: "upload soon" }), onchange: async () => {
    const [given] = file.files;
    wrong.textContent = "";
    if (!given) return;
    if (given.size > most) wrong.textContent = `The file has ${(given.size / 1e6).toFixed(1)} MB; up to ${most / 1e6} MB can be taken.`;
    else {
      send({ kind: "upload", name: given.name, number: wanted() }, [await given.arrayBuffer()]);
      el.open = false;
    }
    file.value = "";
  } });
  const own = h("label.g-button", { for: fileId }, "Like a picture of yours …");
  const el = menu("Similar", "g-right", told,
    h("div.g-row", {}, h("label", { for: id }, "How many"), number), like, h("div.g-file", {}, file, own), wrong);
  const fill = (content, tools) => {
    most = tools.mostBytes ?? 0;
    told.textContent = tools.similar
      ? "Galaxies whose features are closest, over the whole project."
      : `This project has no features of its galaxies yet: ${tools.embed}`;
    like.disabled = !tools.similar || !content.selected;
    file.disabled = !tools.similar;
    own.classList.toggle("g-off", !tools.similar);
  };
  return { el, fill };
}

function exportMenu(send) {
  const id = uniqueId(), told = h("p");
  const name = h("input.g-input", { id, value: "selection", maxlength: "64", spellcheck: "false" });
  const write = (format) => h("button.g-button", {
    onclick: () => { send({ kind: "export", format: format.toLowerCase(), name: name.value }); el.open = false; },
  }, format);
  const formats = ["CSV", "VOTable", "Parquet"].map(write);
  const el = menu("Export", "g-right", told, h("label", { for: id }, "File name"), name, h("div.g-buttons", {}, formats));
  const fill = (content) => {
    formats.forEach((button) => { button.disabled = !content.selected; });
    told.textContent = content.selected ? `${galaxies(content.count)} with all their columns, into the project's exports folder.` : NOTHING;
  };
  return { el, fill };
}
