"use strict";
(() => {
  const source = document.getElementById("pictures");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const choice = document.getElementById("contestant");
  const room = document.getElementById("gallery");
  const element = (name, parent, set) => {
    const made = Object.assign(document.createElement(name), set);
    parent.append(made);
    return made;
  };
  data.contestants.forEach((name, at) => element("option", choice, { value: at, textContent: name }));
  const show = () => {
    room.replaceChildren();
    for (const shown of data.shown[choice.value]) {
      const figure = element("figure", room, {});
      const pair = element("div", figure, { className: "pair" });
      const before = element("img", pair, { className: "before", alt: "original", src: data.before[shown.picture] });
      element("img", pair, { className: "after", alt: "output", src: shown.after });
      const slider = element("input", figure, { type: "range", min: 0, max: 100, value: 50, ariaLabel: "how much of the original shows" });
      slider.addEventListener("input", () => pair.style.setProperty("--at", slider.value + "%"));
      element("figcaption", figure, { textContent: shown.words });
    }
    document.body.dataset.shown = data.contestants[choice.value];
  };
  choice.addEventListener("change", show);
  show();
})();
