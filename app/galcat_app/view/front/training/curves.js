// Curves of a training as SVG: loss and accuracy with the best epoch, learning rate, speed; stages as bands.

const CHARTS = [
  { key: "loss", title: "Loss", lines: [["val_loss", "validation"], ["loss", "training"]], tall: true },
  { key: "accuracy", title: "Accuracy", lines: [["val_accuracy", "validation"], ["accuracy", "training"]], tall: true },
  { key: "rate", title: "Learning rate", lines: [["learning_rate", "learning rate"]], log: true },
  { key: "speed", title: "Images a second", lines: [["images_per_second", "images a second"]], zero: true },
];
const COLUMNS = [["epoch", "epoch"], ["stage", "stage"], ["loss", "training loss"], ["val_loss", "validation loss"], ["accuracy", "training accuracy"],
  ["val_accuracy", "validation accuracy"], ["learning_rate", "learning rate"], ["images_per_second", "images a second"], ["seconds", "seconds"]];
const EDGE = { left: 46, right: 10, top: 16, bottom: 24 };

/** An SVG element; `h` of common.js knows fewer. */
function svg(tag, props = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(props)) if (value !== null && value !== undefined) made.setAttribute(name, value);
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

/** Round numbers between low and high, about `count` of them, and how far they lie apart. */
function roundStep(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  const size = 10 ** Math.floor(Math.log10(raw || 1));
  return [1, 2, 5, 10].map((m) => m * size).find((s) => s >= raw * 0.999) ?? size;
}

function ticks(low, high, count, step = roundStep(low, high, count)) {
  const found = [];
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-9; v += step) found.push(Math.abs(v) < step * 1e-9 ? 0 : v);
  return found;
}

const tick = (value) => (value !== 0 && (Math.abs(value) < 0.001 || Math.abs(value) >= 1e4) ? value.toExponential(0).replace("e-", "e−").replace("e+", "e") : String(Number(value.toPrecision(3))));

/** The axis of epochs grows in steps, so that curves do not creep with each epoch. */
function span(epochs, most) {
  const wanted = [5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 750, 1000].find((n) => n >= epochs) ?? epochs;
  return Math.max(2, most ? Math.min(wanted, Math.max(most, epochs)) : wanted);
}

/** The four charts; `model` has the trait `curves`. Returns their element and `fill`. */
function curves(model) {
  const area = h("div.g-charts");
  const table = h("div.g-curve-table", { tabindex: "0", role: "region", "aria-label": "Figures of each epoch", hidden: true });
  const told = h("p.g-curve-told.g-number", { "aria-live": "polite" });
  const name = uniqueId();
  const choose = (key, label, checked) => {
    const id = uniqueId();
    return h("span.g-segment", {}, h("input", { type: "radio", id, name, value: key, checked,
      onchange: () => { area.hidden = key !== "curves"; table.hidden = key === "curves"; fill(); } }), h("label", { for: id }, label));
  };
  const key = h("p.g-curve-key", { "aria-hidden": "true" }, h("span.g-line-of.g-validation"), "validation", h("span.g-line-of.g-learning"), "training");
  const root = h("section.g-curves", { "aria-label": "Curves" },
    h("div.g-curves-head", {}, h("h3", {}, "Curves"), key, told, h("span.g-gap"),
      h("div.g-segments", { role: "radiogroup", "aria-label": "Show as" }, choose("curves", "Curves", true), choose("table", "Table"))),
    area, table);
  let pointed = 0; // epoch under the pointer, or chosen by key; 0: the last
  let drawn = [];

  function fill() {
    const { history, best, most } = model.get("curves");
    if (!history) return;
    const epochs = history.epoch?.length ?? 0;
    if (pointed > epochs) pointed = 0;
    if (!table.hidden) fillTable(history, best);
    if (!area.hidden) {
      const width = Math.max(260, Math.floor((area.clientWidth - 16) / 2));
      const seen = refill(area, [history, best, most, width], () => {
        drawn = CHARTS.map((chart) => draw(chart, history, best, most, width));
        return drawn.map(({ box }) => box);
      });
      if (seen) area.querySelectorAll("svg").forEach((s, n) => listen(s, drawn[n], history, best));
    }
    point(history, best);
  }

  function fillTable(history, best) {
    const epochs = history.epoch?.length ?? 0;
    refill(table, [history, best], () => h("table.g-table", {},
      h("caption.g-unseen", {}, "Figures of each epoch, the last one first"),
      h("thead", {}, h("tr", {}, COLUMNS.map(([, title]) => h("th", { scope: "col" }, title)))),
      h("tbody", {}, Array.from({ length: epochs }, (_, n) => epochs - 1 - n).map((n) => h("tr", { class: history.epoch[n] === best ? "g-current" : null },
        COLUMNS.map(([column], place) => (place ? h("td", {}, short(history[column]?.[n]))
          : h("th", { scope: "row" }, `${history.epoch[n]}${history.epoch[n] === best ? " (best)" : ""}`))))))));
  }

  function listen(element, chart, history, best) {
    const move = (x) => { pointed = Math.min(chart.epochs, Math.max(1, Math.round(chart.epoch(x)))); point(history, best); };
    element.addEventListener("pointermove", (event) => { if (chart.epochs) move(event.offsetX); });
    element.addEventListener("pointerleave", () => { pointed = 0; point(history, best); });
    element.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step || !chart.epochs) return;
      event.preventDefault();
      pointed = Math.min(chart.epochs, Math.max(1, (pointed || chart.epochs) + step));
      point(history, best);
    });
  }

  /** Tell the figures of one epoch, and mark it in all charts. */
  function point(history, best) {
    const epochs = history.epoch?.length ?? 0;
    const epoch = pointed || epochs;
    const of = (column) => short(history[column]?.[epoch - 1]);
    const text = epochs ? `epoch ${epoch}${epoch === best ? " (best)" : ""}: validation loss ${of("val_loss")}, accuracy ${of("val_accuracy")}` : "";
    if (told.textContent !== text) told.textContent = text;
    for (const { marker, x } of drawn) {
      marker.setAttribute("visibility", pointed ? "visible" : "hidden");
      marker.setAttribute("x1", x(epoch || 1));
      marker.setAttribute("x2", x(epoch || 1));
    }
  }

  const resized = new ResizeObserver(() => fill());
  resized.observe(area);
  return { root, fill, end: () => resized.disconnect() };
}

function draw(chart, history, best, most, width) {
  const height = chart.tall ? 212 : 118;
  const epochs = history.epoch?.length ?? 0;
  const last = span(epochs, most);
  const inside = { w: width - EDGE.left - EDGE.right, h: height - EDGE.top - EDGE.bottom };
  const x = (epoch) => EDGE.left + ((epoch - 1) / (last - 1)) * inside.w;
  const values = chart.lines.flatMap(([column]) => history[column] ?? []).filter((v) => v !== null && (!chart.log || v > 0));
  const scale = scaled(chart, values);
  const y = (value) => EDGE.top + (1 - (scale.of(value) - scale.low) / (scale.high - scale.low)) * inside.h;
  const marker = svg("line", { class: "g-pointed", y1: EDGE.top, y2: EDGE.top + inside.h, visibility: "hidden" });
  const lines = chart.lines.map(([column, name]) => {
    const points = (history[column] ?? []).map((v, n) => [n + 1, v]).filter(([, v]) => v !== null && (!chart.log || v > 0));
    const kind = name === "training" ? "g-learning" : "g-validation";
    const d = points.map(([e, v], n) => `${n ? "L" : "M"}${x(e).toFixed(1)} ${y(v).toFixed(1)}`).join("");
    const dots = points.length <= 30 ? points.map(([e, v]) => svg("circle", { class: kind, cx: x(e).toFixed(1), cy: y(v).toFixed(1), r: 2.4 })) : [];
    return [svg("path", { class: kind, d }), dots];
  });
  const bestValue = best ? history[chart.lines[0][0]]?.[best - 1] : null;
  const mark = chart.tall && bestValue !== null && bestValue !== undefined ? [
    svg("line", { class: "g-best", x1: x(best), x2: x(best), y1: EDGE.top, y2: EDGE.top + inside.h }),
    svg("circle", { class: "g-best", cx: x(best), cy: y(bestValue), r: 5 }),
    svg("text", { class: "g-best", x: Math.min(Math.max(x(best), EDGE.left + 24), width - 28), y: EDGE.top - 5, "text-anchor": "middle" }, `best ${best}`)] : [];
  const told = chart.lines.map(([column, name]) => {
    const row = history[column] ?? [];
    return row.length ? `${name} ${short(row[0])} at first, ${short(row[row.length - 1])} at epoch ${row.length}` : `${name}: none yet`;
  }).join("; ");
  const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: "0", "aria-label": `${chart.title}: ${told}. All figures are in the table.` },
    bands(history, x, last, inside, chart.tall),
    scale.ticks.map((v) => [svg("line", { class: "g-grid", x1: EDGE.left, x2: width - EDGE.right, y1: y(v), y2: y(v) }),
      svg("text", { x: EDGE.left - 7, y: y(v) + 4, "text-anchor": "end" }, tick(v))]),
    ticks(1, last, Math.max(2, Math.floor(inside.w / 64))).filter((e) => e >= 1 && Number.isInteger(e)).map((e) => svg("text", { x: x(e), y: height - 7, "text-anchor": "middle" }, e)),
    lines.reverse(), mark, marker,
    epochs ? [] : svg("text", { class: "g-waits", x: EDGE.left + inside.w / 2, y: EDGE.top + inside.h / 2, "text-anchor": "middle" }, "after the first epoch"));
  const box = h("figure.g-chart", {}, h("figcaption", {}, chart.title), picture);
  return { box, marker, x, epochs, epoch: (px) => 1 + ((px - EDGE.left) / inside.w) * (last - 1) };
}

/** How values become heights: evenly or by their logarithm, with round ends. */
function scaled(chart, values) {
  if (chart.log) {
    const found = values.length ? values.map(Math.log10) : [-4, -3];
    const low = Math.floor(Math.min(...found) - 0.05), high = Math.max(Math.ceil(Math.max(...found) + 0.05), Math.floor(Math.min(...found) - 0.05) + 1);
    const marks = Array.from({ length: high - low + 1 }, (_, n) => 10 ** (low + n));
    return { of: Math.log10, low, high, ticks: marks.length > 4 ? marks.filter((_, n) => n % 2 === 0) : marks };
  }
  let low = values.length ? Math.min(...values) : 0, high = values.length ? Math.max(...values) : 1;
  if (chart.zero) low = 0;
  if (high - low < 1e-9) { low -= chart.zero ? 0 : 0.05; high += 0.05 + Math.abs(high) * 0.1; }
  const step = roundStep(low, high, chart.tall ? 5 : 2);
  const ends = [Math.min(low, Math.floor(low / step + 1e-9) * step), Math.max(high, Math.ceil(high / step - 1e-9) * step)];
  return { of: (v) => v, low: ends[0], high: ends[1], ticks: ticks(ends[0], ends[1], 1, step) };
}

/** Every second stage of a network that thaws is shaded; each is numbered. */
function bands(history, x, last, inside, named) {
  const stage = history.stage ?? [];
  const starts = stage.map((s, n) => [s, n]).filter(([s, n]) => n === 0 || s !== stage[n - 1]);
  if (starts.length < 2) return [];
  return starts.map(([s, n], place) => {
    const from = Math.max(x(n + 0.5), x(1)), to = x((starts[place + 1]?.[1] ?? stage.length) + 0.5);
    const width = Math.max(0, Math.min(to, x(last)) - from);
    return [place % 2 ? svg("rect", { class: "g-band", x: from, y: EDGE.top, width, height: inside.h }) : [],
      named && width > 40 ? svg("text", { class: "g-stage-name", x: from + 5, y: EDGE.top + inside.h - 6 }, `stage ${s}`) : []];
  });
}
