(function () {
  "use strict";
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const config = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false };
  const drawn = [...document.querySelectorAll("[data-chart]")].map((place) => {
    const figure = figures[place.dataset.chart];
    return Plotly.newPlot(place, figure.data, figure.layout, config).catch((error) => {
      place.textContent = "没有画成 Could not be drawn: " + error;
      throw error;
    });
  });
  Promise.all(drawn).then(() => { document.body.dataset.drawn = String(drawn.length); });
})();
