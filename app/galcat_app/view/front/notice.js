// Instead of a map: what is missing, and the commands that make it.

function render({ model, el }) {
  el.classList.add("galcat", "g-notice");

  function fill() {
    const notice = model.get("content");
    el.replaceChildren(h("section.g-panel.g-notice-inside", { role: notice.kind === "broken" ? "alert" : "status" },
      h("h2", {}, notice.title), h("p", {}, notice.text),
      h(notice.commands.length > 1 ? "ol.g-steps" : "ul.g-steps", {}, notice.commands.map(([command, purpose]) => h("li", {},
        h("span.g-muted", {}, purpose), commandLine(command)))),
      notice.detail ? h("p.g-detail", {}, notice.detail) : null,
      h("p.g-muted", {}, "This page looks again every few seconds.")));
  }

  model.on("change:content", fill);
  fill();
  const timer = setInterval(() => { if (!document.hidden && el.isConnected) model.send({ kind: "refresh" }); }, 3000);
  return () => clearInterval(timer);
}

export default { render };
