// One galaxy: large pictures from both surveys, what is said of it, all its columns.

function render({ model, el }) {
  el.classList.add("galcat", "g-panel", "g-card");
  el.setAttribute("aria-live", "polite");
  let open = false;

  function fill() {
    const card = model.get("content");
    el.classList.toggle("g-empty", card.row < 0);
    if (card.row < 0) {
      el.replaceChildren(h("p.g-hint-line", {}, icon("M8.5 3a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM13 13l4 4"),
        "Click a galaxy on the map or in the gallery to see it here."));
      return;
    }
    const close = h("button.g-button.g-square.g-quiet", { "aria-label": "Close this galaxy", onclick: () => model.send({ kind: "focus", row: -1 }) }, icon("M5 5l10 10M15 5L5 15"));
    const details = h("details.g-columns", { open, ontoggle: (e) => { open = e.target.open; } },
      h("summary", {}, `All ${card.columns.length} columns`),
      h("table.g-table", {}, h("tbody", {}, card.columns.map(([name, value, note]) => h("tr", { title: note || null }, h("th", { scope: "row" }, name), h("td", {}, value))))));
    el.replaceChildren(
      h("div.g-toolbar", {}, h("h2.g-title", {}, card.id), h("span.g-gap"), close),
      h("div.g-card-body", {},
        h("div.g-figures", {}, card.pictures.length ? card.pictures.map((one) => figure(one)) : h("div.g-figure.g-none", {}, card.why)),
        h("div.g-facts", {}, verdict(card), h("dl", {}, card.facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
          card.flags.map((flag) => h("p.g-flag", {}, flag)))),
      details);
  }

  model.on("change:content", fill);
  const ended = onTheme(fill);
  return ended;
}

/** A picture with its survey and a bar of 5 (or 1, 2, 10 ...) arcseconds. */
function figure(one) {
  const bar = one.bar
    ? h("span.g-scale", { style: `width:${(100 * one.bar.fraction).toFixed(2)}%` }, `${one.bar.arcsec}″`) : null;
  return h("div.g-figure", { "data-id": one.id },
    h("div.g-frame", {}, picture(one.jpeg, `${one.survey} picture of galaxy ${one.id}`),
      h("span.g-survey", {}, one.survey), bar));
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
