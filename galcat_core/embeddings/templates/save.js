// the selection as CSV: ids are text in here already, so that none is rounded
const rows = source.selected.indices.slice().sort((a, b) => a - b);
const cell = (value) => {
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
  const text = String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
const lines = [columns.join(","), ...rows.map((row) => columns.map((name) => cell(source.data[name][row])).join(","))];
const link = document.createElement("a");
link.href = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "text/csv" }));
link.download = "galaxies.csv";
link.click();
setTimeout(() => URL.revokeObjectURL(link.href), 10000);
