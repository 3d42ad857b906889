// One galaxy: large pictures from both surveys, what is said of it, its like, all its columns.

const LIKE_IT = 48;

function render({ model, el }) {
  el.classList.add("galcat", "g-panel", "g-card");
  const send = (message) => model.send(message);
  const announced = h("p.g-unseen", { role: "status" });
  const inside = h("div.g-card-inside");
  const label = h("div.g-labels", { role: "group", "aria-label": "Label of this galaxy" });
  const like = h("div.g-like");
  el.append(announced, inside);
  let open = false, shown = -1;

  function fill() {
    const card = model.get("content");
    el.classList.toggle("g-empty", card.row < 0);
    if (card.row !== shown) el.scrollTop = 0;
    announced.textContent = card.row < 0 || card.row === shown ? "" : `Galaxy ${card.id}`;
    if (card.row < 0) {
      shown = -1;
      inside.replaceChildren(h("p.g-hint-line", {}, icon("M8.5 3a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM13 13l4 4"),
        "Click a galaxy on the map or in the gallery to see it here."));
      return;
    }
    const close = h("button.g-button.g-square.g-quiet", { "aria-label": "Close this galaxy", onclick: () => send({ kind: "focus", row: -1 }) }, icon("M5 5l10 10M15 5L5 15"));
    const details = h("details.g-columns", { open, ontoggle: (e) => { open = e.target.open; } },
      h("summary", {}, `All ${card.columns.length} columns`),
      h("table.g-table", {}, h("tbody", {}, card.columns.map(([name, value, note]) => h("tr", { title: note || null }, h("th", { scope: "row" }, name), h("td", {}, value))))));
    const full = fullSize(card);
    inside.replaceChildren(
      h("div.g-toolbar", {}, h("h2.g-title", {}, card.id), h("span.g-gap"), close),
      h("div.g-card-body", {},
        h("div.g-figures", {}, card.pictures.length ? card.pictures.map((one) => figure(one, full)) : h("div.g-figure.g-none", {}, card.why)),
        h("div.g-facts", {}, verdict(card), label, h("dl", {}, card.facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
          card.links.length ? h("p.g-links", {}, card.links.map(([name, href]) => h("a.g-link", { href, target: "_blank", rel: "noopener noreferrer" }, name))) : null,
          card.flags.map((flag) => h("p.g-flag", {}, flag)))),
      like, details, full.dialog);
    fillLike();
    fillLabel();
    if (card.similar && card.row !== shown) send({ kind: "neighbours", row: card.row });
    shown = card.row;
  }

  function fillLabel() {
    const known = model.get("known");
    if (known.row < 0) return;
    const choose = (name) => h("button.g-choice", {
      "aria-pressed": String(known.label === name), title: known.label === name && known.own ? "Take my label away" : `Label it ${name}`,
      onclick: () => send({ kind: "label", row: known.row, name: known.label === name && known.own ? null : name }),
    }, name);
    const from = known.label ? (known.own ? "by you" : "by votes") : "none yet";
    const focused = label.contains(document.activeElement) ? document.activeElement.textContent : null;
    label.replaceChildren(h("span.g-muted", {}, "Label ", h("span.g-from", {}, from)),
      h("span.g-choices", {}, [...new Set([...known.classes, ...(known.label ? [known.label] : [])])].map(choose)));
    if (focused) [...label.querySelectorAll("button")].find((b) => b.textContent === focused)?.focus();
  }

  function fillLike() {
    const card = model.get("content"), near = model.get("neighbours");
    like.hidden = !card.similar;
    const ready = near.row === card.row;
    like.replaceChildren(
      h("div.g-like-head", {}, h("h3", {}, "Looks like"), h("span.g-gap"),
        h("button.g-link", { onclick: () => send({ kind: "similar", row: card.row, number: LIKE_IT }) }, `Select the ${LIKE_IT} most alike`)),
      ready && near.told ? h("p.g-muted", {}, near.told) : h("ul.g-near", { "aria-label": "Nearest neighbours", "aria-busy": String(!ready) },
        ready ? near.cells.map((cell) => h("li", {}, h("button.g-cell", { "data-row": cell.row, title: `${cell.id}: distance ${cell.distance}`, onclick: () => send({ kind: "focus", row: cell.row }) },
          cell.jpeg ? picture(cell.jpeg, `Galaxy ${cell.id}, distance ${cell.distance}`) : h("span.g-none", {}, cell.id))))
          : Array.from({ length: 8 }, () => h("li.g-waiting"))));
  }

  model.on("change:content", fill);
  model.on("change:known", fillLabel);
  model.on("change:neighbours", fillLike);
  return onTheme(fill);
}

/** A picture with its survey and a bar of 5 (or 1, 2, 10 ...) arcseconds; a click shows it large. */
function figure(one, full) {
  return h("button.g-figure", { "data-id": one.id, "aria-label": `${one.survey} picture at full size`, onclick: full.open },
    frame(one, `${one.survey} picture of galaxy ${one.id}`));
}

function frame(one, alt) {
  const bar = one.bar
    ? h("span.g-scale", { style: `width:${(100 * one.bar.fraction).toFixed(2)}%` }, `${one.bar.arcsec}″`) : null;
  return h("span.g-frame", {}, picture(one.jpeg, alt), h("span.g-survey", {}, one.survey), bar);
}

/** All pictures of the galaxy as large as the window lets them be; they are there while it is open. */
function fullSize(card) {
  const close = () => dialog.close();
  const dialog = h("dialog.g-full", { "aria-label": `Pictures of galaxy ${card.id}`, onclick: (e) => { if (e.target === dialog) close(); }, onclose: () => dialog.replaceChildren() });
  const open = () => {
    dialog.replaceChildren(
      h("div.g-toolbar", {}, h("strong.g-title", {}, card.id), h("span.g-gap"), h("button.g-button.g-square.g-quiet", { "aria-label": "Close the pictures", onclick: close }, icon("M5 5l10 10M15 5L5 15"))),
      h("div.g-full-figures", {}, card.pictures.map((one) => h("figure", {}, frame(one, `${one.survey} picture of galaxy ${one.id}, large`),
        h("figcaption.g-muted", {}, `${one.survey} ${one.id}`, one.width ? ` · ${one.width}` : "")))));
    dialog.showModal();
  };
  return { dialog, open };
}

function verdict(card) {
  if (card.p === null) return null;
  const theme = document.documentElement.dataset.galcatTheme ?? "light";
  const ramp = card.ramp[theme];
  const colour = ramp[Math.round(card.p * (ramp.length - 1))];
  return h("div.g-verdict", {},
    h("strong", {}, card.predicted),
    h("div.g-scale-of-two", { role: "img", "aria-label": `Probability of ${card.ends[1]}: ${card.p.toFixed(3)}` },
      h("span.g-track", { style: `background:linear-gradient(90deg, ${ramp.filter((_, n) => n % 12 === 0).join(",")})` }),
      h("span.g-knob", { style: `left:${(100 * card.p).toFixed(1)}%;background:${colour}` })),
    h("div.g-ends", {}, h("span", {}, card.ends[0]), h("span.g-number", {}, card.p.toFixed(3)), h("span", {}, card.ends[1])));
}

export default { render };
