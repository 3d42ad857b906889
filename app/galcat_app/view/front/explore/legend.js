// The legend below the map: a ramp of numbers, or categories to pick.

function ramp(legend, palette) {
  const most = Math.max(...legend.histogram, 1);
  const bars = legend.histogram.map((count, n) => h("rect", {
    x: n + 0.08, width: 0.84, y: 20 - (20 * count) / most, height: (20 * count) / most,
    fill: palette[Math.round((n / (legend.histogram.length - 1)) * (palette.length - 1))],
  }));
  const steps = palette.filter((_, n) => n % 12 === 0);
  return [h("div.g-ramp", {},
    h("span.g-ramp-end", {}, legend.ends[0] ? `${legend.ends[0]} ` : "", h("span.g-number", {}, legend.low)),
    h("div.g-ramp-middle", { role: "img", "aria-label": `Histogram from ${legend.low} to ${legend.high}` },
      h("svg", { viewBox: `0 0 ${legend.histogram.length} 20`, preserveAspectRatio: "none" }, bars),
      h("div.g-ramp-bar", { style: `background:linear-gradient(90deg, ${steps.join(",")})` })),
    h("span.g-ramp-end", {}, h("span.g-number", {}, legend.high), legend.ends[1] ? ` ${legend.ends[1]}` : ""))];
}

/** Categories with their counts; a click picks all galaxies of one. */
function entries(legend, palette, pick) {
  return [h("div.g-entries", {}, legend.entries.map((entry, code) => h("button.g-entry", {
    title: `Select: ${entry.name}`, onclick: (event) => pick(code, event),
  }, h("span.g-dot", { style: `background:${palette[code]}` }), entry.name,
    h("span.g-muted", {}, commas(entry.count)))))];
}
