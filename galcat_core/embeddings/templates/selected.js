// a new selection: count, pictures and table of it; every index is one of the rows drawn
const rows = source.selected.indices.slice().sort((a, b) => a - b);
const data = source.data;
const [pictures, lines] = most;
head.text = rows.length
  ? `<h2>${rows.length.toLocaleString("en-US")} galaxies selected</h2>`
  : `<h2>Selected galaxies</h2><p>${hint}</p>`;
save.disabled = rows.length === 0;
table.visible = rows.length > 0;
const seen = side ? rows.filter((row) => data.sheet[row] >= 0).slice(0, pictures) : [];
const text = (value) => String(value).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
shown.text = seen.length
  ? `<div class="pictures">${seen.map((row) =>
    `<i role="img" aria-label="galaxy ${text(data.id[row])}" title="${text(data.id[row])}" style="width:${side}px;height:${side}px;background-image:var(--s${data.sheet[row]});background-position:${data.px[row]}px ${data.py[row]}px"></i>`).join("")}</div>`
  : "";
const told = rows.slice(0, lines);
const number = (value) => typeof value === "number" ? String(Math.round(value * 1e4) / 1e4) : value;
chosen.data = Object.fromEntries(
  Object.keys(chosen.data).map((name) => [name, told.map((row) => number(data[name][row]))]));
