"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const sound = $("sound"), canvas = $("wave"), scroller = $("scroller"), tip = $("tip");
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const peaks = data.peaks.map(bytes);
  const clock = (s) => {
    const whole = Math.floor(s), two = (n) => String(n).padStart(2, "0");
    const h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60;
    return h ? `${h}:${two(m)}:${two(whole % 60)}` : `${m}:${two(whole % 60)}`;
  };
  const took = (s) => (s < 0.001 ? "under 1 ms" : s < 1 ? `${Math.round(s * 1000)} ms` : `${s.toFixed(s < 10 ? 2 : 1)} s`);

  // The sound: inside the page, beside it, or not at all ------------------------------------------------
  const hasSound = data.rate !== null || sound.hasAttribute("src");
  let position = 0; // seconds; the sound's own where there is one

  async function unpack() {
    const packed = new Blob([bytes($("packed").textContent)]);
    const stream = packed.stream().pipeThrough(new DecompressionStream("deflate"));
    const codes = new Uint8Array(await new Response(stream).arrayBuffer());
    // Every browser plays linear PCM; not every one plays mu-law.
    const table = Int16Array.from({ length: 256 }, (_, code) => {
      const bits = ~code & 0xff;
      const size = ((((bits & 15) << 3) + 132) << ((bits >> 4) & 7)) - 132;
      return bits & 128 ? -size : size;
    });
    const file = new DataView(new ArrayBuffer(44 + 2 * codes.length));
    const text = (at, letters) => [...letters].forEach((l, i) => file.setUint8(at + i, l.charCodeAt(0)));
    text(0, "RIFF"); file.setUint32(4, 36 + 2 * codes.length, true); text(8, "WAVEfmt ");
    file.setUint32(16, 16, true); file.setUint16(20, 1, true); file.setUint16(22, 2, true);
    file.setUint32(24, data.rate, true); file.setUint32(28, 4 * data.rate, true);
    file.setUint16(32, 4, true); file.setUint16(34, 16, true);
    text(36, "data"); file.setUint32(40, 2 * codes.length, true);
    const samples = new Int16Array(file.buffer, 44), half = codes.length / 2;
    for (let i = 0; i < half; i++) { samples[2 * i] = table[codes[i]]; samples[2 * i + 1] = table[codes[half + i]]; }
    $("packed").remove();
    sound.src = URL.createObjectURL(new Blob([file.buffer], { type: "audio/wav" }));
  }

  function lost(why) {
    $("controls").hidden = true;
    $("note").textContent = why;
  }

  if (hasSound) {
    $("controls").hidden = false;
    sound.addEventListener("error", () => lost("The recording cannot be played: is it still beside this page?"));
    if (data.rate !== null) {
      if (typeof DecompressionStream === "undefined") lost("This browser is too old to unpack the recording.");
      else unpack().catch(() => lost("The recording in this page is damaged."));
    }
  }

  // Drawing ----------------------------------------------------------------------------------------------
  const RULER = 22, LABEL = 18, LANE = 62, WAIT = 24, ROW = 19, MARKS = 26;
  const MOST_ROWS = 5;
  let rows = []; // the end of the last tool in each row
  const tools = data.tools.map(([at, until, name, ok]) => ({ at, until, name, ok }));
  const marks = data.marks;
  let zoom = 1, hits = [], colours = {};
  const callerTop = RULER + LABEL, waitTop = callerTop + LANE, agentTop = waitTop + WAIT + LABEL;
  const toolTop = agentTop + LANE + 8;

  function width() { return scroller.clientWidth; }
  function whole() { return width() * zoom; }
  function x(seconds) { return 8 + (seconds / data.seconds) * (whole() - 16) - scroller.scrollLeft; }
  function secondsAt(px) {
    const share = (px + scroller.scrollLeft - 8) / (whole() - 16);
    return Math.min(data.seconds, Math.max(0, share * data.seconds));
  }

  function layRows(pen) {
    rows = [];
    for (const tool of tools) {
      tool.named = true;
      tool.wide = pen.measureText(tool.name).width + 12;
      const begins = x(tool.at) + scroller.scrollLeft, ends = Math.max(begins + 3, x(tool.until) + scroller.scrollLeft);
      tool.before = ends + tool.wide > whole(); // no room for its name behind it
      const left = tool.before ? begins - tool.wide : begins;
      tool.row = rows.findIndex((end) => end < left);
      if (tool.row < 0) tool.row = rows.push(0) - 1;
      if (rows.length > MOST_ROWS) {
        // Too many for their names, until somebody zooms in.
        for (const each of tools) { each.row = 0; each.named = false; each.wide = 0; }
        rows = [0];
        return;
      }
      rows[tool.row] = (tool.before ? ends : ends + tool.wide) + 4;
    }
  }

  function step() {
    const seconds = (80 / (whole() - 16)) * data.seconds;
    return [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].find((s) => s >= seconds) || 7200;
  }

  function draw() {
    const pen = canvas.getContext("2d"), scale = window.devicePixelRatio || 1, wide = width();
    const font = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
    pen.font = font;
    layRows(pen);
    const marksTop = toolTop + (tools.length ? rows.length * ROW + 6 : 0);
    const high = marksTop + (marks.length ? MARKS : 0);
    canvas.style.width = `${wide}px`; canvas.style.height = `${high}px`;
    canvas.width = Math.round(wide * scale); canvas.height = Math.round(high * scale);
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.font = font; pen.textBaseline = "middle";
    hits = [];
    const box = (left, top, w, h, colour, round = 3) => {
      pen.fillStyle = colour; pen.beginPath(); pen.roundRect(left, top, Math.max(w, 1.5), h, round); pen.fill();
    };
    const hit = (left, top, w, h, text, at) => hits.push([left - 3, top, left + w + 3, top + h, text, at]);

    pen.textAlign = "left";
    for (let s = 0, by = step(); s <= data.seconds; s += by) {
      const at = x(s);
      if (at < -60 || at > wide + 60) continue;
      pen.fillStyle = colours.edge; pen.fillRect(Math.round(at), RULER - 4, 1, marksTop - RULER + 4);
      const label = clock(s);
      pen.fillStyle = colours.quiet;
      if (at + pen.measureText(label).width + 6 < wide) pen.fillText(label, at + 6, RULER / 2 - 1);
    }
    pen.font = `600 ${font}`;
    pen.fillStyle = colours.caller; pen.fillText("Caller", 14, callerTop - LABEL / 2);
    pen.fillStyle = colours.agent; pen.fillText("Agent", 14, agentTop - LABEL / 2);
    pen.font = font;

    for (const [at, until, turn, cut] of data.answers) {
      const left = x(at), w = x(until) - left;
      box(left, agentTop, w, LANE, colours["agent-soft"], 6);
      hit(left, agentTop, w, LANE, `Answer ${turn}, ${(until - at).toFixed(1)} s${cut ? ", interrupted" : ""}`, at);
    }
    wave(pen, peaks[0], callerTop, colours.caller);
    wave(pen, peaks[1], agentTop, colours.agent);
    pen.fillStyle = colours.edge;
    pen.fillRect(0, waitTop, wide, 1);

    for (const [n, [since, at, inTool, label]] of data.waits.entries()) {
      const left = x(since), w = x(at) - left, mid = waitTop + WAIT / 2;
      box(left, mid - 3, w, 6, colours.wait, 3);
      if (inTool) box(x(at - inTool), mid - 3, x(at) - x(at - inTool), 6, colours.tool, 3);
      const long = pen.measureText(label).width;
      hit(left, waitTop, w, WAIT, `The caller waited ${label}${inTool ? `, ${took(inTool)} of it for a tool` : ""}`, since);
      const start = x(at) + 5, next = n + 1 < data.waits.length ? x(data.waits[n + 1][0]) : whole() - scroller.scrollLeft;
      if (start + long + 4 < next) { pen.fillStyle = colours.quiet; pen.fillText(label, start, mid + 0.5); }
    }
    for (const tool of tools) {
      const left = x(tool.at), top = toolTop + tool.row * ROW, colour = tool.ok ? colours.tool : colours.cut;
      const w = Math.max(3, x(tool.until) - left);
      hit(left, top, Math.max(w, tool.wide), ROW, `${tool.name}: ${took(tool.until - tool.at)}${tool.ok ? "" : ", failed"}`, tool.at);
      box(left, top + 2, w, ROW - 5, colour, 2);
      pen.fillStyle = colours.text;
      if (!tool.named) continue;
      if (!tool.before) pen.fillText(tool.name, left + w + 4, top + ROW / 2);
      else { pen.textAlign = "right"; pen.fillText(tool.name, left - 4, top + ROW / 2); pen.textAlign = "left"; }
    }
    let free = -1e9;
    for (const [n, [at, kind, text, label]] of marks.entries()) {
      const left = x(at), colour = kind === "cut" ? colours.cut : colours.event;
      pen.fillStyle = colour; pen.globalAlpha = kind === "cut" ? 1 : 0.4;
      pen.fillRect(left - 1, callerTop, kind === "cut" ? 2 : 1, (kind === "cut" ? agentTop + LANE : marksTop + 9) - callerTop);
      pen.globalAlpha = 1;
      const mid = marksTop + MARKS / 2;
      pen.fillStyle = colour; pen.beginPath();
      if (kind === "cut") { pen.moveTo(left - 5, mid + 4); pen.lineTo(left + 5, mid + 4); pen.lineTo(left, mid - 5); }
      else pen.arc(left, mid, 4, 0, 7);
      pen.fill();
      hit(left - 5, marksTop, 10, MARKS, text, at);
      const long = pen.measureText(label).width + 9, next = n + 1 < marks.length ? x(marks[n + 1][0]) : 1e9;
      pen.fillStyle = colours.quiet;
      if (left + long + 8 < Math.min(next, whole() - scroller.scrollLeft)) { pen.fillText(label, left + 9, mid + 0.5); free = left + long; }
      else if (left - long > free + 4 && next > 1e8) { pen.textAlign = "right"; pen.fillText(label, left - 9, mid + 0.5); pen.textAlign = "left"; free = left + 6; }
      else free = left + 6;
    }
    const now = x(position);
    pen.fillStyle = colours.text; pen.fillRect(now - 0.75, RULER - 4, 1.5, marksTop - RULER + 4);
    pen.beginPath(); pen.arc(now, RULER - 5, 4.5, 0, 7); pen.fill();
  }

  function wave(pen, side, top, colour) {
    const mid = top + LANE / 2;
    pen.fillStyle = colour;
    pen.globalAlpha = 0.35; pen.fillRect(Math.max(0, x(0)), mid - 0.5, Math.min(width(), x(data.seconds)) - Math.max(0, x(0)), 1); pen.globalAlpha = 1;
    if (!side) return;
    const perPx = data.seconds / (whole() - 16) / data.piece, first = x(0);
    for (let px = 0; px < width(); px++) {
      const from = Math.floor((px - first) * perPx), until = Math.max(from + 1, Math.floor((px + 1 - first) * perPx));
      let peak = 0;
      for (let i = Math.max(0, from); i < until && i < side.length; i++) if (side[i] > peak) peak = side[i];
      if (peak > 2) { const h = Math.max(1.5, Math.sqrt(peak / loudest) * (LANE - 6)); pen.fillRect(px, mid - h / 2, 1, h); }
    }
  }
  const loudest = Math.max(64, ...peaks.map((side) => side.reduce((most, p) => Math.max(most, p), 0)));

  function recolour() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["text", "quiet", "edge", "caller", "agent", "agent-soft", "tool", "cut", "wait", "event"])
      colours[name] = style.getPropertyValue(`--${name}`).trim();
  }

  let due = false;
  function redraw() {
    if (due) return;
    due = true;
    requestAnimationFrame(() => { due = false; draw(); });
  }

  // Time -------------------------------------------------------------------------------------------------
  const lines = [...document.querySelectorAll("#lines .said")].map((item) => ({ item, at: Number(item.firstElementChild.dataset.at) }));
  const list = $("lines");
  let playing = null, follow = true;

  function show(seconds) {
    position = seconds;
    $("now").textContent = clock(seconds);
    $("seek").value = String(seconds);
    $("seek").setAttribute("aria-valuetext", `${clock(seconds)} of ${clock(data.seconds)}`);
    let line = null;
    for (const each of lines) if (each.at <= seconds + 0.02) line = each;
    if (line !== playing) {
      if (playing) { playing.item.classList.remove("playing"); playing.item.firstElementChild.removeAttribute("aria-current"); }
      playing = line;
      if (line) {
        line.item.classList.add("playing"); line.item.firstElementChild.setAttribute("aria-current", "true");
        if (follow && list.scrollHeight > list.clientHeight + 4) list.scrollTop = line.item.offsetTop - list.clientHeight / 3;
      }
    }
    if (zoom > 1 && !sound.paused) {
      const at = x(seconds);
      if (at < 0 || at > width() * 0.92) scroller.scrollLeft += at - width() * 0.1;
    }
    redraw();
  }

  function seek(seconds, play) {
    follow = true;
    if (hasSound) {
      sound.currentTime = Math.min(seconds, Number.isFinite(sound.duration) ? sound.duration : seconds);
      if (play) sound.play().catch(() => {});
    }
    show(seconds);
  }

  function tick() {
    if (!sound.paused) { show(sound.currentTime); requestAnimationFrame(tick); }
  }

  function toggle() {
    if (!hasSound) return;
    if (sound.paused) sound.play().catch(() => {}); else sound.pause();
  }

  sound.addEventListener("play", () => {
    $("play").setAttribute("aria-label", "Pause"); $("icon").setAttribute("d", "M6 4h4v16H6zM14 4h4v16h-4z"); tick();
  });
  sound.addEventListener("pause", () => {
    $("play").setAttribute("aria-label", "Play"); $("icon").setAttribute("d", "M7 4l14 8-14 8z"); show(sound.currentTime);
  });
  $("play").addEventListener("click", toggle);
  $("seek").max = String(data.seconds);
  $("seek").addEventListener("input", (event) => seek(Number(event.target.value), false));
  $("speed").addEventListener("change", (event) => { sound.playbackRate = Number(event.target.value); });
  if (list) for (const kind of ["wheel", "touchmove"]) list.addEventListener(kind, () => { follow = false; }, { passive: true });

  document.addEventListener("click", (event) => {
    const at = event.target.closest("button[data-at]");
    if (at) seek(Number(at.dataset.at), true);
  });
  document.addEventListener("toggle", (event) => {
    const used = event.target.closest("li.used");
    if (used && event.target.open && sound.paused) show(Number(used.dataset.at));
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, select, summary")) return;
    const button = event.target.closest("button");
    if (event.key === " " && !button) { event.preventDefault(); toggle(); }
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      event.preventDefault();
      seek(Math.max(0, Math.min(data.seconds, position + (event.key === "ArrowLeft" ? -5 : 5))), false);
    }
  });

  // The drawing under the pointer ------------------------------------------------------------------------
  function under(event) {
    const area = canvas.getBoundingClientRect(), px = event.clientX - area.left, py = event.clientY - area.top;
    const found = hits.filter(([l, t, r, b]) => px >= l && px <= r && py >= t && py <= b).pop();
    return { px, found };
  }
  canvas.addEventListener("click", (event) => seek(secondsAt(under(event).px), !sound.paused));
  canvas.addEventListener("pointermove", (event) => {
    const { px, found } = under(event);
    tip.textContent = `${clock(secondsAt(px))}${found ? `  ${found[4]}` : ""}`;
    tip.hidden = false;
    const left = Math.min(event.clientX + 12, document.documentElement.clientWidth - tip.offsetWidth - 8);
    tip.style.left = `${Math.max(8, left)}px`; tip.style.top = `${event.clientY + 16}px`;
  });
  for (const kind of ["pointerleave", "pointercancel"]) canvas.addEventListener(kind, () => { tip.hidden = true; });

  function zoomTo(factor, middle = position) {
    const most = Math.max(1, Math.min(64, data.seconds / 4));
    zoom = Math.min(most, Math.max(1, factor));
    $("spacer").style.width = `${whole()}px`;
    scroller.scrollLeft += x(middle) - width() / 2;
    $("out").disabled = $("fit").disabled = zoom <= 1;
    $("in").disabled = zoom >= most;
    redraw();
  }
  $("in").addEventListener("click", () => zoomTo(zoom * 2));
  $("out").addEventListener("click", () => zoomTo(zoom / 2));
  $("fit").addEventListener("click", () => zoomTo(1));
  scroller.addEventListener("scroll", redraw, { passive: true });

  const legend = [["caller", "caller"], ["agent", "agent"]];
  if (data.waits.length) legend.push(["wait", "waiting"]);
  if (tools.length) legend.push(["tool", "tool"]);
  if (marks.some((mark) => mark[1] === "cut")) legend.push(["cut", "interrupted"]);
  if (marks.some((mark) => mark[1] !== "cut")) legend.push(["event", "other"]);
  for (const [kind, text] of legend) {
    const item = document.createElement("li");
    item.className = kind; item.textContent = text; $("legend").append(item);
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { recolour(); redraw(); });
  new ResizeObserver(() => zoomTo(zoom)).observe(scroller);
  recolour();
  show(0);
})();
