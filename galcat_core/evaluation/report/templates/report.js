"use strict";
// The SVG of each figure as it is printed: the colours that the page may change stand behind their names.
for (const figure of document.querySelectorAll("figure[data-name]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.innerHTML = '<span class="hidden">' + figure.dataset.name + " as </span>SVG";
  button.addEventListener("click", () => {
    const drawn = figure.querySelector(".plot:not(.narrow) svg").cloneNode(true);
    const style = document.createElementNS(drawn.namespaceURI, "style");
    style.textContent = "*{stroke-linejoin:round;stroke-linecap:butt}";
    drawn.prepend(style);
    const text = new XMLSerializer().serializeToString(drawn).replace(/var\(--[\w-]+,\s*(#[0-9a-f]{6})\)/g, "$1");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
    link.download = figure.dataset.name + ".svg";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  figure.querySelector(".files").prepend(button);
}
