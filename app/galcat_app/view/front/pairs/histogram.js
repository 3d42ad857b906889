// How many pairs have which separation, or any other number: all of them, and those of the list; drag to narrow, point to see one.

const HEIGHT = 100;
const WIDTH = 320;

function render({ model, el }) {
  el.classList.add("galcat", "g-panel", "g-histogram");
  const send = (message) => model.send(message);
  const [columnId, fromId, toId] = [uniqueId(), uniqueId(), uniqueId()];
  const column = h("select.g-select", { id: columnId, onchange: (e) => send({ kind: "count", key: e.target.value }) });
  const bars = h("svg.g-bars", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  const low = h("span.g-number");
  const high = h("span.g-number");
  const ends = () => ({ low: number(from), high: number(to) });
  const narrow = ({ low: least, high: most }) => {
    const { key } = model.get("content");
    send(least === null && most === null ? { kind: "widen", key } : { kind: "narrow", key, how: "between", low: least, high: most });
  };
  const from = h("input.g-input", { id: fromId, type: "number", step: "any", onchange: () => narrow(ends()) });
  const to = h("input.g-input", { id: toId, type: "number", step: "any", onchange: () => narrow(ends()) });
  const all = h("button.g-button.g-quiet", { onclick: () => narrow({ low: null, high: null }) }, "All");
  const plot = h("div.g-histogram-plot", { tabindex: "0", role: "group", "data-own-keys": true, "aria-label": "Bars of the histogram. Arrow keys show one of the pairs of a bar, Enter looks at it." }, bars);
  const hover = new Hover(model, plot, { around: () => el.closest(".g-whole") ?? el, pictures: 2, above: true });
  let pointed = -1;
  el.append(
    h("div.g-toolbar", {}, h("label.g-unseen", { for: columnId }, "Histogram of"), column),
    plot, h("div.g-axis", {}, low, high),
    h("div.g-histogram-range", {}, h("label", { for: fromId }, "From"), from, h("label", { for: toId }, "to"), to, all));
  let drag = null;

  function fill() {
    const content = model.get("content");
    if (!content.edges) return;
    const groups = Map.groupBy ? Map.groupBy(content.columns, (one) => one.group) : grouped(content.columns);
    column.replaceChildren(...[...groups].map(([name, list]) => h("optgroup", { label: name }, list.map((one) => h("option", { value: one.key }, one.name)))));
    column.value = content.key;
    const { edges } = content;
    low.textContent = short(edges[0]);
    high.textContent = short(edges[edges.length - 1]);
    from.value = content.range?.[0] ?? "";
    to.value = content.range?.[1] ?? "";
    from.placeholder = short(edges[0]);
    to.placeholder = short(edges[edges.length - 1]);
    all.disabled = !content.range;
    bars.setAttribute("aria-label", `Histogram of ${content.name}, from ${short(edges[0])} to ${short(edges[edges.length - 1])}; ${sum(content.listed)} of ${sum(content.all)} pairs are in the list`);
    plot.dataset.listed = sum(content.listed);
    draw();
  }

  function draw() {
    const content = model.get("content");
    if (!content.edges) return;
    const most = Math.max(...content.all, 1);
    const number = content.all.length;
    const wide = WIDTH / number;
    const bar = (count, n, kind) => {
      const tall = count ? Math.max((HEIGHT - 4) * (count / most), 1.5) : 0;
      return h(`rect.${kind}`, { x: n * wide + 0.5, width: Math.max(wide - 1, 0.5), y: HEIGHT - tall, height: tall });
    };
    const shown = [...content.all.map((count, n) => bar(count, n, "g-every")), ...content.listed.map((count, n) => bar(count, n, "g-listed"))];
    const range = drag ? [Math.min(...drag), Math.max(...drag)] : content.range && content.range.map((end, n) => (end === null ? (n ? WIDTH : 0) : toX(end)));
    if (range) {
      shown.unshift(h("rect.g-brush", { x: range[0], y: 0, width: Math.max(range[1] - range[0], 1), height: HEIGHT }));
    }
    const at = model.get("at");
    if (at !== null && at !== undefined) shown.push(h("line.g-at", { x1: toX(at), x2: toX(at), y1: 0, y2: HEIGHT }));
    bars.replaceChildren(...shown);
    point(pointed);
  }

  /** Show a pair of a bar: of those in the list, the one in the bar's middle. */
  function point(bar, aloud = false) {
    const { edges, all, listed, examples } = model.get("content");
    pointed = bar >= 0 && examples?.[bar] >= 0 ? bar : -1;
    bars.querySelectorAll(".g-listed").forEach((one, n) => one.classList.toggle("g-pointed", n === pointed));
    if (pointed < 0) { hover.off(); return; }
    const counted = listed[bar] === all[bar] ? `${commas(all[bar])} pairs` : `${commas(listed[bar])} of ${commas(all[bar])} pairs listed`;
    hover.over(examples[bar], () => [((bar + 0.5) / all.length) * plot.clientWidth, 0],
      { aloud, first: [`${short(edges[bar])} to ${short(edges[bar + 1])}: ${counted}; one of them:`] });
  }

  /** The next bar with a pair in the list. */
  function next(by) {
    const { examples } = model.get("content");
    const begin = by > 0 ? -1 : examples.length;
    for (let bar = (pointed < 0 ? begin : pointed) + by; bar >= 0 && bar < examples.length; bar += by) {
      if (examples[bar] >= 0) { point(bar, true); return; }
    }
  }

  const lookAt = () => { if (pointed >= 0) send({ kind: "focus", row: model.get("content").examples[pointed] }); };
  plot.addEventListener("keydown", (event) => {
    const action = { ArrowRight: () => next(1), ArrowLeft: () => next(-1), Enter: lookAt, Escape: () => point(-1) }[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.shiftKey) return;
    action();
    event.preventDefault();
    event.stopPropagation();
  });
  plot.addEventListener("pointerleave", () => point(-1));
  plot.addEventListener("blur", () => point(-1));

  const span = () => { const { edges } = model.get("content"); return [edges[0], edges[edges.length - 1]]; };
  const toX = (value) => { const [a, b] = span(); return Math.min(Math.max(((value - a) / (b - a)) * WIDTH, 0), WIDTH); };
  const toValue = (x) => { const [a, b] = span(); const value = a + (x / WIDTH) * (b - a); return Number(value.toPrecision(4)); };
  const place = (event) => { const box = plot.getBoundingClientRect(); return Math.min(Math.max(((event.clientX - box.left) / box.width) * WIDTH, 0), WIDTH); };
  plot.addEventListener("pointerdown", (event) => { if (event.button === 0) { plot.setPointerCapture(event.pointerId); drag = [place(event), place(event)]; point(-1); } });
  plot.addEventListener("pointermove", (event) => {
    const at = place(event);
    if (drag) { drag[1] = at; draw(); return; }
    const { all } = model.get("content");
    point(Math.min(Math.floor((at / WIDTH) * all.length), all.length - 1));
  });
  plot.addEventListener("pointercancel", () => { drag = null; draw(); });
  plot.addEventListener("pointerup", () => {
    if (!drag) return;
    const [a, b] = [Math.min(...drag), Math.max(...drag)];
    drag = null;
    if (b - a < 3) narrow({ low: null, high: null });
    // an end at the border takes what lies there with it, whatever its last digits
    else narrow({ low: a <= 0 ? null : toValue(a), high: b >= WIDTH ? null : toValue(b) });
    draw();
  });
  model.on("change:content", fill);
  model.on("change:at", draw);
  model.on("change:said", () => hover.clear());
  fill();
}

const number = (input) => (input.value === "" ? null : Number(input.value));
const sum = (counts) => counts.reduce((a, b) => a + b, 0);
const short = (value) => (Math.abs(value) >= 1e4 ? commas(Math.round(value)) : String(Number(value.toPrecision(3))));

function grouped(list) {
  const groups = new Map();
  for (const one of list) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
  return groups;
}

export default { render };
