"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const data = read("run-data");
  const byNumber = new Map(data.trials.map((trial) => [trial.number, trial]));
  const byId = (id) => document.getElementById(id);
  const root = document.documentElement;

  // ---- colours: as the system or as chosen; always light on paper
  const system = matchMedia("(prefers-color-scheme: dark)");
  const theme = byId("theme");
  let printing = false;
  const isDark = () => !printing && (theme.value === "dark" || (theme.value === "auto" && system.matches));
  const currentTemplate = () => data.templates[isDark() ? "dark" : "light"];
  function applyTheme() {
    root.dataset.theme = isDark() ? "dark" : "light";
    return Promise.all([...document.querySelectorAll(".plot.drawn")].map((node) => Plotly.relayout(node, { template: currentTemplate() })));
  }
  theme.addEventListener("change", applyTheme);
  system.addEventListener("change", applyTheme);

  // ---- figures: drawn when they come into view
  const options = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"] };
  const namedValues = (trial) => [
    ...data.objectives.map((name, n) => [name, trial.values[n]]),
    ...data.parameters.map((name, n) => [name, trial.params[n]]),
  ].filter(([, value]) => value !== null);
  function trialText(number) {
    const trial = byNumber.get(number);
    const values = namedValues(trial).map(([name, value]) => `${name} ${value}`).join(", ");
    return [`trial ${number}, ${trial.state} after ${trial.epochs} reports`, values, trial.reason]
      .filter(Boolean).map(plain).map((line) => wrap(line, 90)).join("<br>");
  }
  function plain(text) {
    return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  }
  function wrap(text, width) {
    const lines = [""];
    for (const word of text.split(" ")) {
      if (lines.at(-1).length + word.length > width) lines.push("");
      lines[lines.length - 1] += (lines.at(-1) ? " " : "") + word;
    }
    return lines.join("<br>");
  }
  function draw(node) {
    if (node.classList.contains("drawn") || !node.dataset.figure) return Promise.resolve();
    node.classList.add("drawn");
    const figure = read(`figure-${node.dataset.figure}`);
    for (const trace of figure.data) {
      if (trace.hoverinfo === "text") trace.hovertext = trace.customdata.map(trialText);
    }
    // the caption says the title, so that it wraps and is read aloud
    delete figure.layout.title;
    figure.layout.margin = { ...figure.layout.margin, t: 30 };
    figure.layout.template = currentTemplate();
    figure.layout.autosize = true;
    return Plotly.newPlot(node, figure.data, figure.layout, options).then(() => {
      node.on("plotly_click", (event) => {
        const number = event.points.map((point) => point.customdata).find((found) => byNumber.has(found));
        if (number !== undefined) select(number, true);
      });
    });
  }
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { watcher.unobserve(entry.target); draw(entry.target); }
  }, { rootMargin: "300px" });
  const figures = [...document.querySelectorAll(".plot[data-figure]")];
  const drawAll = () => Promise.all(figures.map(draw));

  addEventListener("beforeprint", () => { printing = true; drawAll(); applyTheme(); });
  addEventListener("afterprint", () => { printing = false; applyTheme(); });

  // ---- the front's axes
  const measures = new Map(data.measures.map((measure) => [measure.name, measure]));
  const place = new Map(data.trials.map((trial, index) => [trial.number, index]));
  function switchAxes() {
    const node = document.querySelector('[data-figure="front"]');
    const across = measures.get(byId("axis-x").value), up = measures.get(byId("axis-y").value);
    draw(node).then(() => {
      const xs = [], ys = [], numbers = [];
      for (const trace of node.data) {
        const beside = data.beside[trace.meta];
        if (beside) {
          numbers.push(null);
          xs.push(beside.map((values) => values[across.name] ?? null));
          ys.push(beside.map((values) => values[up.name] ?? null));
          continue;
        }
        let mine = [...trace.customdata];
        if (trace.meta === "front") {
          mine.sort((a, b) => (across.placed[place.get(a)] - across.placed[place.get(b)]) * (across.maximise ? -1 : 1));
        }
        numbers.push(mine);
        xs.push(mine.map((number) => across.placed[place.get(number)]));
        ys.push(mine.map((number) => up.placed[place.get(number)]));
      }
      const objectives = new Set(data.objectives);
      const bounds = objectives.has(across.name) && objectives.has(up.name);
      const placed = (meta) => data.beside[meta].some((values) => across.name in values && up.name in values);
      const visible = ({ meta, visible = true }) =>
        meta === "front" ? bounds : meta in data.beside && visible !== "legendonly" ? placed(meta) : visible;
      return Plotly.update(node,
        { x: xs, y: ys, customdata: numbers, visible: node.data.map(visible) },
        { "xaxis.title.text": plain(across.label), "yaxis.title.text": plain(up.label),
          "xaxis.type": across.log ? "log" : "linear", "yaxis.type": up.log ? "log" : "linear",
          "xaxis.autorange": true, "yaxis.autorange": true });
    });
  }
  for (const id of ["axis-x", "axis-y"]) byId(id).addEventListener("change", switchAxes);

  // ---- one trial
  const chooser = byId("trial");
  for (const trial of data.trials) chooser.add(new Option(`${trial.number} (${trial.state})`, trial.number));
  chooser.addEventListener("change", () => chooser.value === "" ? clear() : select(Number(chooser.value), false));
  for (const button of document.querySelectorAll("[data-trial]")) {
    button.addEventListener("click", () => select(Number(button.dataset.trial), true));
  }
  function clear() { byId("selected-body").hidden = true; }
  function select(number, scroll) {
    const trial = byNumber.get(number);
    chooser.value = String(number);
    byId("selected-body").hidden = false;
    byId("selected-title").textContent = `Trial ${number}`;
    byId("selected-state").textContent = `${trial.state} after ${trial.epochs} reports, ${trial.seconds} s` + (trial.reason ? `: ${trial.reason}` : "");
    const list = byId("selected-values");
    list.replaceChildren(...namedValues(trial).map(([name, value]) => {
      const pair = document.createElement("div");
      const term = document.createElement("dt"), detail = document.createElement("dd");
      term.textContent = name; detail.textContent = value;
      pair.append(term, detail);
      return pair;
    }));
    drawCurve(trial);
    drawForecast(trial);
    const complete = trial.state === "complete", isChosen = number === data.chosen;
    byId("deploy").textContent = isChosen ? data.commands.predict
      : `${data.commands.fit} ${number} && ${data.commands.predict}`;
    byId("selected-command").hidden = !complete || !(isChosen || data.commands.fit);
    byId("selected-note").textContent = !complete ? data.notes.unfinished
      : data.validation.trials[number] || isChosen ? ""
      : data.commands.fit ? data.notes["not kept"] : data.notes["no command"];
    if (scroll) byId("selected").scrollIntoView({ block: "nearest" });
  }
  function small(id, traces, title, x, y, more) {
    const node = byId(id);
    node.hidden = !traces.length;
    if (!traces.length) return;
    node.classList.add("drawn");
    Plotly.react(node, traces, { template: currentTemplate(), height: 280, autosize: true, showlegend: traces.length > 1,
      title: { text: plain(title), font: { size: 14 } }, xaxis: { title: { text: plain(x) }, ...more }, yaxis: { title: { text: plain(y) } },
      margin: { l: 55, r: 10, t: 70, b: 45 } }, options);
  }
  function drawCurve(trial) {
    const traces = trial.curve.length ? [{ y: trial.curve, x: trial.curve.map((_, n) => n + 1), mode: "lines+markers", line: { color: "#0072B2" } }] : [];
    small("selected-curve", traces, "Learning curve", "report", data.curve, {});
  }
  function drawForecast(trial) {
    const shown = data.validation;
    const forecast = shown.trials[trial.number];
    const traces = forecast ? [
      { x: shown.times, y: shown.truth, name: "truth", line: { color: "#808080", width: 2.5 } },
      { x: shown.times, y: forecast, name: `trial ${trial.number}`, line: { color: "#0072B2" } },
    ] : [];
    small("selected-forecast", traces, "Forecasts on the validation part", "", data.target, { type: "date" });
  }

  // ---- one series of a panel
  const named = byId("series");
  if (named) {
    for (const name of Object.keys(data.series)) {
      const option = document.createElement("option");
      option.value = name;
      byId("series-ids").append(option);
    }
    named.addEventListener("input", () => {
      const shown = data.series[named.value];
      const line = (y, name, style, more) => ({ x: shown.times, y, name, mode: "lines", line: style, ...more });
      const traces = !shown ? [] : [
        ...(shown.low ? [line(shown.low, "", { width: 0 }, { showlegend: false }),
          line(shown.high, "interval", { width: 0 }, { fill: "tonexty", fillcolor: "rgba(0,114,178,0.2)" })] : []),
        line(shown.truth, "truth", { color: "#808080", width: 2.5 }),
        line(shown.forecast, "forecast", { color: "#0072B2" }),
      ];
      small("series-forecast", traces, named.value, "", data.target, { type: "date" });
    });
  }

  // ---- commands
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const code = byId(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "copied";
      } catch {
        // from disk a browser may refuse: select it, so that a key copies
        getSelection().selectAllChildren(code);
        button.textContent = "selected";
      }
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
  }

  applyTheme();
  for (const node of figures) watcher.observe(node);
  window.lstmoptReport = { drawAll, select };
})();
