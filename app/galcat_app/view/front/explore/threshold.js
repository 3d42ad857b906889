// A threshold on a probability: its histogram, what the threshold chooses, how complete and how pure that is.

function render({ model, el }) {
  el.classList.add("galcat", "g-panel", "g-threshold");
  const send = (message) => model.send(message);
  let step = 500;
  const title = h("span.g-threshold-name");
  const brief = h("span.g-brief");
  const plot = h("div.g-plot");
  const sliderId = uniqueId(), exactId = uniqueId(), classId = uniqueId();
  const slider = h("input", { id: sliderId, type: "range", min: 0, max: 1000, step: 1, value: step, oninput: () => set(Number(slider.value)) });
  const exact = h("input.g-input.g-exact", { id: exactId, type: "number", min: 0, max: 1, step: 0.001,
    onchange: () => { if (Number.isFinite(exact.valueAsNumber)) set(Math.round(1000 * Math.min(1, Math.max(0, exact.valueAsNumber)))); else set(step); } });
  const choose = h("select.g-select", { id: classId, onchange: () => send({ kind: "class", name: choose.value }) });
  const numbers = h("table.g-numbers");
  const note = h("p.g-muted");
  const pick = (above) => () => send({ kind: "pick", name: model.get("content").name, step, above });
  const details = h("details", { ontoggle: () => el.classList.toggle("g-open", details.open) },
    h("summary.g-threshold-head", {}, icon("M7 5l6 5-6 5"), title, h("span.g-gap"), brief),
    h("div.g-threshold-body", {},
      h("div.g-threshold-left", {}, plot,
        h("label.g-unseen", { for: sliderId }, "Threshold"), slider,
        h("div.g-row", {}, h("label.g-unseen", { for: classId }, "Class"), choose, h("label.g-muted", { for: exactId }, "at or above"), exact, h("span.g-gap"),
          h("button.g-button", { onclick: pick(true) }, "Select them"), h("button.g-button", { onclick: pick(false) }, "Select the rest"))),
      h("div.g-threshold-right", {}, numbers, note)));
  el.append(details);

  function set(value) {
    step = value;
    slider.value = value;
    tell();
  }

  function fill() {
    const content = model.get("content");
    el.hidden = !content.classes?.length;
    if (el.hidden) return;
    choose.replaceChildren(...content.classes.map((name) => h("option", { value: name }, name)));
    choose.value = content.name;
    draw(content);
    tell();
  }

  /** Bars of the histogram, lines of purity and completeness, all in units of the axis. */
  function draw(content) {
    const theme = document.documentElement.dataset.galcatTheme ?? "light";
    const ramp = content.ramp[theme], bins = content.histogram.length;
    // many galaxies are sure: the root lets the few in between be seen too
    const most = Math.sqrt(Math.max(...content.histogram, 1));
    const bars = content.histogram.map((count, n) => h("rect", {
      x: (1000 * n) / bins + 1, width: 1000 / bins - 2, y: 100 - (100 * Math.sqrt(count)) / most, height: (100 * Math.sqrt(count)) / most,
      fill: ramp[Math.round((n / (bins - 1)) * (ramp.length - 1))],
    }));
    const line = (values, kind) => h(`path.g-curve.${kind}`, { d: values.reduce((d, value, n) => (value === null ? d : `${d}${d ? "L" : "M"}${n} ${(100 - 100 * value).toFixed(2)}`), "") });
    const curves = content.ofClass ? [
      line(content.right.map((right) => right / content.ofClass), "g-complete"),
      line(content.right.map((right, n) => (content.judged[n] ? right / content.judged[n] : null)), "g-pure"),
    ] : [];
    const svg = h("svg", { viewBox: "0 0 1000 100", preserveAspectRatio: "none", role: "img", "aria-label": `Histogram of the probability of ${content.name}, heights by the square root` },
      bars, curves, h("rect.g-below", { x: 0, y: 0, width: step, height: 100 }), h("line.g-mark", { x1: step, x2: step, y1: 0, y2: 100 }));
    plot.replaceChildren(svg);
  }

  function tell() {
    const content = model.get("content");
    const [chosen, judged, right] = [content.chosen[step], content.judged[step], content.right[step]];
    const shown = (step / content.steps).toFixed(3);
    plot.querySelector(".g-below")?.setAttribute("width", step);
    for (const end of ["x1", "x2"]) plot.querySelector(".g-mark")?.setAttribute(end, step);
    exact.value = shown;
    slider.setAttribute("aria-valuetext", `${shown}: ${commas(chosen)} galaxies`);
    const whole = share(right, content.ofClass), pure = share(right, judged);
    title.textContent = `Threshold: ${content.name} ≥ ${shown}`;
    brief.replaceChildren(h("span", {}, h("strong", {}, commas(chosen)), " galaxies"),
      ...(content.ofClass ? [h("span", {}, h("strong", {}, pure.text), " pure"), h("span", {}, h("strong", {}, whole.text), " complete")] : []));
    numbers.replaceChildren(h("tbody", {},
      row("", "Chosen", commas(chosen), `of ${commas(content.total)}`),
      row("g-pure", "Purity", pure.text, pure.range),
      row("g-complete", "Completeness", whole.text, whole.range)));
    note.textContent = reason(content, judged);
  }

  model.on("change:content", fill);
  return onTheme(fill);
}

function row(kind, name, value, more) {
  return h("tr", {}, h("th", { scope: "row" }, kind ? h(`span.g-key.${kind}`, { "aria-hidden": "true" }) : null, name), h("td", {}, h("strong", {}, value)), h("td.g-muted", {}, more));
}

function reason(content, judged) {
  const learnt = content.learnt ? ` ${commas(content.learnt)} labelled ones that networks learn from are left out.` : "";
  if (!content.judged[0]) return `No known label judges this sample: label some galaxies, best a random few of all.${learnt}`;
  if (!content.ofClass) return `None of the ${commas(content.judged[0])} labelled galaxies is ${content.name}.${learnt}`;
  return `By ${commas(judged)} of ${commas(content.judged[0])} labelled galaxies, ${commas(content.ofClass)} of them ${content.name}.${learnt}`;
}

/** A share with its 95% interval after Wilson (1927, J. Am. Stat. Assoc. 22, 209). */
function share(part, whole) {
  if (!whole) return { text: "–", range: "" };
  const z = 1.96, p = part / whole, n = 1 + (z * z) / whole;
  const middle = (p + (z * z) / (2 * whole)) / n;
  const half = (z * Math.sqrt((p * (1 - p)) / whole + (z * z) / (4 * whole * whole))) / n;
  return { text: p.toFixed(3), range: `${Math.max(0, middle - half).toFixed(3)} – ${Math.min(1, middle + half).toFixed(3)}` };
}

export default { render };
