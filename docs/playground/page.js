"use strict";
/* The page around playground.c. A run is made in short slices of time, every evaluation's state is kept, and time is a
   place in what was kept: it can be dragged both ways. */

let wasm; /* the functions of playground.c */
const element = (id) => document.getElementById(id);
const KINDS = { schedule: 0, grid: 1, sampler: 2 };
const NUMBER = { step: 0, stage: 1, t: 2, alpha: 3, sigma: 4, told: 5, steps: 6, calls: 7, draws: 8, buffers: 9 };
const EXACT = 2, HALF = 2.6, PICTURE = 64, TRAILS = 40, SLICE = 8, SECONDS = 4;
const DATA = ["five spots", "spiral", "digits"], DIGITS = 2, PIXELS = 784, WORKING = 2;
const PREDICTIONS = ["default", "x0", "eps", "v", "velocity", "score", "edm"];

/* What to try: settings of A and B, and what both share. */
const IDEAS = [
    ["DPM++ 2M and Euler", { data: "1" }, { sampler: "dpmpp_2m" }, { sampler: "euler" }],
    ["ten evaluations: Heun and Euler", { data: "0" }, { sampler: "heun", steps: "5" }, { sampler: "euler", steps: "10" }],
    ["one noise level, two families", { data: "1", by: "level" }, { schedule: "flow", grid: "kl_optimal" }, { schedule: "edm", grid: "kl_optimal" }],
    ["without noise, and with", { data: "0" }, { schedule: "vp", sampler: "ddim", steps: "30" }, { schedule: "vp", sampler: "ddim", steps: "30", eta: "1" }],
    ["two grids", { data: "1" }, { schedule: "edm", grid: "karras", steps: "8" }, { schedule: "edm", grid: "exponential", steps: "8" }],
    ["churn", { data: "1" }, { schedule: "edm", sampler: "heun", steps: "18" }, { schedule: "edm", sampler: "heun", steps: "18", churn: "20" }],
    ["a step's size by its error", { data: "1" }, { sampler: "rk45", extra: "rtol=0.001" }, { sampler: "rk4", steps: "12" }],
    ["digits: DPM++ 2M and Euler", { data: "2" }, { schedule: "edm", steps: "12", extra: "guidance.scale=1.5" }, { schedule: "edm", sampler: "euler", steps: "24", extra: "guidance.scale=1.5" }],
    ["digits without noise, and with", { data: "2" }, { schedule: "vp", sampler: "ddim", steps: "20" }, { schedule: "vp", sampler: "ddim", steps: "20", eta: "1" }],
    ["guidance", { data: "0" }, { extra: "" }, { extra: "guidance.scale=3" }],
];

/* ------------------------------------------------------------------------------ the library */

function text(at) {
    const bytes = new Uint8Array(wasm.memory.buffer);
    let end = at;
    while (bytes[end]) end++;
    return new TextDecoder().decode(bytes.subarray(at, end));
}
function putWords(words) {
    const bytes = new TextEncoder().encode(words).subarray(0, 1000), at = wasm.words();
    new Uint8Array(wasm.memory.buffer).set(bytes, at);
    new Uint8Array(wasm.memory.buffer)[at + bytes.length] = 0;
}
const floats = (at, n) => new Float32Array(wasm.memory.buffer, at, n).slice();
function names(kind) {
    const list = [];
    for (let i = 0; wasm.name(KINDS[kind], i); i++)
        list.push([text(wasm.name(KINDS[kind], i)), text(wasm.about(KINDS[kind], i))]);
    return list;
}
let lists; /* names and what they are, by kind */

/* ------------------------------------------------------------------------------- the controls */

const common = ["data", "count", "seed", "show", "by"];
const fields = ["schedule", "sampler", "grid", "prediction", "steps", "eta", "churn", "extra"];
const NAMED = { schedule: "Family", sampler: "Sampler", grid: "Grid" };

/* Labels hold their control and what is said about it. */
function control(side, field, label, input, wide) {
    const box = document.createElement("label");
    box.append(label, input);
    if (wide) box.className = "wide";
    input.id = field + "-" + side.key;
    input.name = field;
    side.form.append(box);
    side.controls[field] = input;
    return box;
}
function choice(values) {
    const select = document.createElement("select");
    for (const [value, shown] of values) select.add(new Option(shown || value, value));
    return select;
}
function input(type, settings) {
    return Object.assign(document.createElement("input"), { type, autocomplete: "off" }, settings);
}
function makeControls(side) {
    for (const field of ["schedule", "sampler", "grid"]) {
        const values = lists[field].map(([name]) => [name]);
        if (field === "grid") values.unshift(["default"]);
        const box = control(side, field, NAMED[field], choice(values), field !== "grid");
        const hint = document.createElement("span");
        hint.className = "hint", hint.id = field + "-hint-" + side.key;
        box.after(hint);
        if (field !== "grid") hint.classList.add("wide");
        side.controls[field].setAttribute("aria-describedby", hint.id);
        side.hints[field] = hint;
    }
    const prediction = control(side, "prediction", "Prediction", choice(PREDICTIONS.map((p) => [p])));
    side.form.insertBefore(prediction, side.hints.grid);
    side.hints.grid.classList.add("wide");
    const steps = control(side, "steps", "", input("range", { min: 1, max: 60, value: 10 }), true);
    const head = document.createElement("span"); /* not an output, which the label would be for */
    side.stepsShown = document.createElement("span");
    head.append("Steps ", side.stepsShown);
    steps.prepend(head);
    control(side, "eta", "Eta: noise after", input("number", { min: 0, step: 0.1, placeholder: "as sampler" }));
    control(side, "churn", "Churn: noise before", input("number", { min: 0, step: 1, placeholder: "as sampler" }));
    control(side, "extra", "Other settings, as in dk_config_set", input("text", { placeholder: "grid.rho=5", spellcheck: false }), true);
}

const dataOf = () => Number(element("data").value);
const countOf = () => dataOf() === DIGITS ? 9 : Number(element("count").value);

/* The words of dk_config_set for a side; a field that is left alone is not said. */
function wordsOf(side) {
    const value = (field) => side.controls[field].value.trim();
    const words = ["schedule=" + value("schedule"), "sampler=" + value("sampler")];
    if (value("grid") !== "default") words.push("grid=" + value("grid"));
    if (value("prediction") !== "default") words.push("prediction=" + value("prediction"));
    words.push("steps=" + value("steps"));
    for (const field of ["eta", "churn"]) if (value(field)) words.push(field + "=" + value(field));
    words.push("batch=" + countOf(), "seed=" + (element("seed").value || 0));
    if (value("extra")) words.push(value("extra"));
    return words.join(" ");
}

/* ----------------------------------------------------------------------------------- runs */

function makeSide(key, index) {
    const side = {
        key, index, form: element("form-" + key), controls: {}, hints: {}, canvas: element("canvas-" + key),
        frames: [], levels: [], state: "idle", message: "", calls: 0, plan: "", error: null, shade: {},
    };
    makeControls(side);
    return side;
}

/* Keeps the first state that is evaluated in each step; of a step that is tried again, the newest try's. Step-size control
   evaluates more than once before its first step, which keeps the start. */
function keepFrame(side) {
    const number = (which) => wasm.number(side.index, which), n = side.dim * side.count;
    const alpha = number(NUMBER.alpha), sigma = number(NUMBER.sigma), step = Math.max(0, number(NUMBER.step));
    if (number(NUMBER.stage) !== 0 || (step === 0 && side.frames.length)) return;
    while (side.frames.length && side.frames[side.frames.length - 1].step >= step) side.frames.pop();
    side.frames.push({ step, alpha, sigma, x: floats(wasm.state(side.index), n), D: floats(wasm.denoised(side.index), n) });
}
function keepEnd(side) {
    const last = side.frames[side.frames.length - 1], level = side.levels[side.levels.length - 1];
    const x = floats(wasm.state(side.index), side.dim * side.count);
    side.frames.push({ step: last.step + 1, alpha: level[1], sigma: level[2], x, D: x });
}

function start(side) {
    side.words = wordsOf(side);
    side.count = countOf();
    side.data = dataOf();
    side.dim = side.data === DIGITS ? PIXELS : 2;
    side.stepsShown.textContent = side.controls.steps.value;
    for (const field in side.hints) {
        const row = lists[field].find(([name]) => name === side.controls[field].value);
        side.hints[field].textContent = row ? row[1] : "chosen by the library for the family";
    }
    putWords(side.words);
    const failed = wasm.begin(side.index, side.data);
    side.state = failed ? "failed" : "running";
    side.message = failed ? text(wasm.message(side.index)) : "";
    side.calls = 0, side.error = null, side.shade = {};
    side.frames = [], side.levels = [];
    side.plan = failed ? "" : text(wasm.plan(side.index));
    for (let i = 0; !failed; i++) {
        const level = [0, 1, 2].map((k) => wasm.level(side.index, i, k));
        if (Number.isNaN(level[0])) break;
        side.levels.push(level);
    }
    side.draws = failed ? 0 : wasm.number(side.index, NUMBER.draws);
    if (measuring === side) measuring = null;
    changed = true, told = false;
}

/* One evaluation of a side; or of the exact paths, for the side that is measured by them. */
let measuring = null;
function advance(side) {
    if (side.state === "running") {
        const more = wasm.next(side.index);
        if (more === WORKING) return true;
        if (more > 0) side.calls++, keepFrame(side);
        else if (more === 0) keepEnd(side), side.state = "unmeasured";
        else side.state = "failed", side.message = text(wasm.message(side.index));
    } else if (side.state === "unmeasured") {
        if (measuring) return false;
        side.state = wasm.begin_exact(side.index) ? "done" : "measuring";
        if (side.state === "measuring") measuring = side;
        else changed = true;
    } else if (side.state === "measuring") {
        const more = wasm.next(EXACT);
        if (more > 0) return true;
        side.error = more === 0 ? wasm.error(side.index) : null;
        side.state = "done", measuring = null, changed = true;
    } else return false;
    return true;
}

/* -------------------------------------------------------------------------------- drawing */

const scale = (frame) => frame.alpha + frame.sigma;
const flowLevel = (frame) => frame.sigma / scale(frame);

/* While a run is under way, its plan says how many steps there will be, but for step-size control. */
const stepsOf = (side) => side.state === "running" && wasm.number(side.index, NUMBER.steps) || side.frames.length - 1;

/* Where in the frames a time of 0 to 1 is: a frame's number, and the share of the way to the next. */
function place(side, time) {
    const frames = side.frames, most = frames.length - 1;
    if (element("by").value === "step") {
        const at = Math.min(time * Math.max(stepsOf(side), 1), most), k = Math.min(Math.floor(at), most);
        return [k, at - k];
    }
    for (let k = 0; k < most; k++) {
        const from = flowLevel(frames[k]), to = flowLevel(frames[k + 1]), aim = 1 - time;
        if (aim >= from) return [k, 0];
        if (aim > to) return [k, (from - aim) / (from - to)];
    }
    return [most, 0];
}

function colours() {
    const style = getComputedStyle(document.documentElement);
    const get = (name) => style.getPropertyValue(name).trim();
    return { a: get("--a"), b: get("--b"), ink: get("--ink"), picture: get("--picture") };
}

/* The exact density where sigma/(alpha + sigma) = u, as a small picture that is drawn large. */
function shadeOf(side, u, ink) {
    const key = u + ink;
    if (side.shade.key === key) return side.shade.picture;
    const at = wasm.density(side.data, 1 - u, u, HALF);
    const density = new Float32Array(wasm.memory.buffer, at, PICTURE * PICTURE);
    const picture = side.shade.picture || document.createElement("canvas");
    picture.width = picture.height = PICTURE;
    const context = picture.getContext("2d"), pixels = context.createImageData(PICTURE, PICTURE);
    const [red, green, blue] = [1, 3, 5].map((i) => parseInt(ink.slice(i, i + 2), 16));
    for (let i = 0; i < density.length; i++)
        pixels.data.set([red, green, blue, 70 * Math.sqrt(density[i])], 4 * i);
    context.putImageData(pixels, 0, 0);
    side.shade = { key, picture };
    return picture;
}

/* One particle, which is drawn many times: quicker than a path of circles. */
function pointOf(side, radius, colour) {
    const key = radius + colour;
    if (side.point && side.point.key === key) return side.point.picture;
    const picture = document.createElement("canvas"), context = picture.getContext("2d");
    picture.width = picture.height = 2 * Math.ceil(radius + 1);
    context.fillStyle = colour;
    context.arc(picture.width / 2, picture.width / 2, radius, 0, 7);
    context.fill();
    side.point = { key, picture };
    return picture;
}

function drawParticles(side, k, share, u, colours) {
    const canvas = side.canvas, size = canvas.width, context = canvas.getContext("2d"), frames = side.frames;
    const ratio = size / canvas.clientWidth, zoom = size / (2 * HALF), dot = ratio * Math.min(1.6, Math.max(1, canvas.clientWidth / 280)), show = element("show").value;
    const from = frames[k], to = frames[Math.min(k + 1, frames.length - 1)];
    context.clearRect(0, 0, size, size);
    context.imageSmoothingEnabled = true;
    context.drawImage(shadeOf(side, u, colours.ink), 0, 0, size, size);
    const X = (frame, i) => size / 2 + zoom * frame.x[2 * i] / scale(frame);
    const Y = (frame, i) => size / 2 - zoom * frame.x[2 * i + 1] / scale(frame);
    const mix = (p, q) => p + (q - p) * share;
    context.strokeStyle = context.fillStyle = colours[side.key];
    if (show !== "D") {
        context.globalAlpha = 0.35, context.lineWidth = ratio, context.beginPath();
        for (let i = 0; i < Math.min(TRAILS, side.count); i++) {
            context.moveTo(X(frames[0], i), Y(frames[0], i));
            for (let j = 1; j <= k; j++) context.lineTo(X(frames[j], i), Y(frames[j], i));
            context.lineTo(mix(X(from, i), X(to, i)), mix(Y(from, i), Y(to, i)));
        }
        context.stroke();
        const point = pointOf(side, dot, colours[side.key]), middle = point.width / 2;
        context.globalAlpha = 0.8;
        for (let i = 0; i < side.count; i++)
            context.drawImage(point, mix(X(from, i), X(to, i)) - middle, mix(Y(from, i), Y(to, i)) - middle);
    }
    if (show !== "x") {
        context.globalAlpha = 0.9, context.lineWidth = ratio, context.beginPath();
        for (let i = 0; i < side.count; i++) {
            const x = size / 2 + zoom * mix(from.D[2 * i], to.D[2 * i]), r = 1.4 * dot;
            const y = size / 2 - zoom * mix(from.D[2 * i + 1], to.D[2 * i + 1]);
            context.moveTo(x - r, y), context.lineTo(x + r, y), context.moveTo(x, y - r), context.lineTo(x, y + r);
        }
        context.stroke();
    }
    context.globalAlpha = 1;
}

/* Nine digits, three in a row. A pixel of 1 is ink, one of -1 is paper. */
function digitsOf(side, values) {
    const picture = side.digits || document.createElement("canvas"), width = 3 * 28 + 4;
    picture.width = picture.height = width;
    const context = picture.getContext("2d"), pixels = context.createImageData(width, width);
    const rgb = [1, 3, 5].map((i) => parseInt(colours().ink.slice(i, i + 2), 16));
    for (let n = 0; n < side.count; n++)
        for (let i = 0; i < PIXELS; i++) {
            const x = 1 + n % 3 * 29 + i % 28, y = 1 + Math.floor(n / 3) * 29 + Math.floor(i / 28);
            pixels.data.set([...rgb, 127.5 + 127.5 * values(n * PIXELS + i)], 4 * (y * width + x));
        }
    context.putImageData(pixels, 0, 0);
    side.digits = picture;
    return picture;
}

function drawDigits(side, k, share) {
    const canvas = side.canvas, size = canvas.width, context = canvas.getContext("2d"), show = element("show").value;
    const from = side.frames[k], to = side.frames[Math.min(k + 1, side.frames.length - 1)];
    const p = scale(from), q = scale(to), mix = (a, b) => a + (b - a) * share;
    context.clearRect(0, 0, size, size);
    context.imageSmoothingEnabled = false;
    if (show !== "D") context.drawImage(digitsOf(side, (i) => mix(from.x[i] / p, to.x[i] / q)), 0, 0, size, size);
    if (show === "x") return;
    const picture = digitsOf(side, (i) => mix(from.D[i], to.D[i])), cell = size / picture.width;
    if (show === "D") context.drawImage(picture, 0, 0, size, size);
    for (let n = 0; show === "both" && n < side.count; n++) { /* the estimate in the corner of the state */
        const x = 1 + n % 3 * 29, y = 1 + Math.floor(n / 3) * 29, part = [(x + 16) * cell, (y + 16) * cell, 12 * cell, 12 * cell];
        context.fillStyle = colours().picture;
        context.fillRect(...part);
        context.drawImage(picture, x, y, 28, 28, ...part);
        context.strokeStyle = colours()[side.key];
        context.strokeRect(...part);
    }
}

/* A stroke for every level, by sigma/(alpha + sigma) from noise to data, and where time stands. */
function drawTicks(side, now) {
    const svg = element("ticks-" + side.key), place = (u) => 2 + 296 * (1 - u);
    const lines = side.frames.map((f) => `<path d="M${place(flowLevel(f))} 6V18" vector-effect="non-scaling-stroke"/>`);
    svg.setAttribute("viewBox", "0 0 300 18");
    svg.innerHTML = `<path d="M2 12H298" opacity="0.5" vector-effect="non-scaling-stroke"/>` + lines.join("") +
        `<path d="M${place(now)} 0V18" stroke-width="4" vector-effect="non-scaling-stroke"/>`;
}

const short = (v) => !Number.isFinite(v) ? "∞" : v === 0 ? "0" : v >= 1000 ? v.toFixed(0) : String(Number(v.toPrecision(3)));

function draw(side) {
    const canvas = side.canvas, size = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
    if (canvas.width !== size) canvas.width = canvas.height = size;
    if (side.frames.length === 0) {
        canvas.getContext("2d").clearRect(0, 0, size, size);
        element("ticks-" + side.key).innerHTML = "";
        element("where-" + side.key).textContent = side.state === "failed" ? " cannot run: " + side.message : "";
        canvas.setAttribute("aria-label", side.key.toUpperCase() + ": nothing to see");
        return;
    }
    const [k, share] = place(side, time), most = side.frames.length - 1, steps = stepsOf(side);
    const from = flowLevel(side.frames[k]), to = flowLevel(side.frames[Math.min(k + 1, most)]), u = from + (to - from) * share;
    if (side.data === DIGITS) drawDigits(side, k, share);
    else drawParticles(side, k, share, u, colours());
    drawTicks(side, u);
    const parts = [`step ${side.frames[k].step} of ${steps},`, `noise level ${short(u / (1 - u))}`], where = parts.join(" ");
    element("where-" + side.key).replaceChildren(...parts.flatMap((part) => [" ", Object.assign(document.createElement("span"), { textContent: part })]));
    canvas.setAttribute("aria-label", `${side.key.toUpperCase()}: ${side.data === DIGITS ? "digits 1 to 9" : side.count + " particles"} at ${where}`);
    return where;
}

/* ---------------------------------------------------------------------- results in words */

/* Root mean square of how far the ends of A and B are apart: per particle, or per pixel as a share of black to white. */
function apart() {
    const ends = sides.map((side) => ["unmeasured", "measuring", "done"].includes(side.state) && side.frames[side.frames.length - 1].x);
    if (!ends[0] || !ends[1] || ends[0].length !== ends[1].length) return "…";
    const square = ends[0].reduce((sum, v, i) => sum + (v - ends[1][i]) ** 2, 0);
    if (sides[0].data === DIGITS) return (50 * Math.sqrt(square / ends[0].length)).toPrecision(3) + "%";
    return Math.sqrt(2 * square / ends[0].length).toPrecision(3);
}

function results(side) {
    const list = element("results-" + side.key), rows = [];
    if (side.state !== "failed") {
        const digits = (which) => wasm.measure(side.index, which).toFixed(2);
        const over = side.state !== "running";
        rows.push(["evaluations of the network", side.calls]);
        rows.push(["draws of noise on the way", side.draws]);
        if (side.data !== DIGITS) {
            rows.push(["distance from exact ends", side.error !== null ? side.error.toPrecision(3)
                : side.state === "done" ? "not with noise or guidance" : "…"]);
            rows.push(["spread (data: 1, 1)", over ? `${digits(2)}, ${digits(3)}` : "…"]);
        }
        rows.push(["distance between A and B", apart()]);
    }
    list.replaceChildren(...rows.flatMap(([name, value]) => {
        const dt = document.createElement("dt"), dd = document.createElement("dd");
        dt.textContent = name, dd.textContent = value;
        return [dt, dd];
    }));
    const message = element("message-" + side.key);
    if (message.textContent !== side.message) message.textContent = side.message; /* said once */
}

function row(cells) {
    const tr = document.createElement("tr");
    cells.forEach((cell, i) => {
        const td = document.createElement(i ? "td" : "th");
        if (!i) td.scope = "row";
        td.textContent = cell;
        tr.append(td);
    });
    return tr;
}
/* A float in as few digits as tell it from all others. */
function shortest(v) {
    for (let n = 6; n < 9; n++) if (Math.fround(v.toPrecision(n)) === v) return v.toPrecision(n);
    return v.toPrecision(9);
}
const digits = (v) => Number.isFinite(v) ? String(Number(v.toPrecision(7))) : v > 0 ? "∞" : "−∞";

function tables() {
    const [a, b] = sides;
    if (element("levels").open) {
        const cells = (l) => l ? [l[0], l[1], l[2], l[2] / l[1]].map(digits) : ["", "", "", ""];
        const rows = [];
        for (let i = 0; i < Math.max(a.levels.length, b.levels.length); i++)
            rows.push(row([i, ...cells(a.levels[i]), ...cells(b.levels[i])]));
        element("levels-rows").replaceChildren(...rows);
    }
    if (element("numbers").open) {
        const rows = [], end = (side, i) => side.state !== "running" && side.frames.length ? side.frames[side.frames.length - 1].x[i] : undefined;
        const first = (i) => a.data === DIGITS ? 14 * 28 + 10 + 2 * i : 2 * i; /* of a digit: in its middle row */
        for (let i = 0; i < Math.min(8, a.data === DIGITS ? 4 : a.count); i++)
            rows.push(row([i, ...sides.flatMap((side) => [end(side, first(i)), end(side, first(i) + 1)]).map((v) => v === undefined ? "" : shortest(v))]));
        element("numbers-rows").replaceChildren(...rows);
        for (const side of sides) element("words-" + side.key).textContent = side.key.toUpperCase() + ": " + side.words;
    }
    if (element("plans").open) {
        const plan = (side) => side.plan && element("explain").checked ? text(wasm.explain(side.index)) : side.plan;
        const lines = sides.map((side) => plan(side).trimEnd().split("\n"));
        const bare = (line) => line.split("  -> ")[0]; /* without the place in memory */
        const all = lines.map((of) => new Set(of.map(bare)));
        sides.forEach((side, s) => element("plan-" + side.key).replaceChildren(...lines[s].map((line) => {
            const span = document.createElement("span");
            span.textContent = line || " ";
            if (line.startsWith("        ")) span.className = "sentence", span.textContent = line.trim();
            else if (!all[1 - s].has(bare(line))) span.className = "differs";
            return span;
        })));
    }
}

function say() {
    element("said").textContent = sides.map((side) => {
        const name = side.key.toUpperCase() + ": ";
        if (side.state === "failed") return name + "cannot run.";
        return name + side.calls + " evaluations" + (side.error !== null ? ", distance " + side.error.toPrecision(3) : "") + ".";
    }).join(" ");
}

/* -------------------------------------------------------------------------------- the loop */

let sides = [], time = 0, playing = false, before = 0, changed = true, waiting = true;

function setPlaying(on) {
    playing = on;
    before = 0;
    element("play").textContent = on ? "Pause" : "Play";
    element("play").setAttribute("aria-pressed", String(on));
    wake();
}
function wake() {
    if (!waiting) return;
    waiting = false;
    requestAnimationFrame(tick);
}
function busy() { return sides.some((side) => ["running", "unmeasured", "measuring"].includes(side.state)); }

function tick(now) {
    waiting = true;
    const until = performance.now() + SLICE, running = busy();
    for (let idle = 0, turn = 0; idle < sides.length && performance.now() < until; turn++) {
        idle = advance(sides[turn % sides.length]) ? 0 : idle + 1;
        changed = changed || idle === 0;
    }
    if (running && !busy()) say();
    if (playing) {
        time = Math.min(1, time + (before ? (now - before) / 1000 / SECONDS : 0));
        before = now, changed = true;
        element("time").value = 1000 * time;
        if (time >= 1) setPlaying(false);
    }
    if (changed) {
        const where = sides.map(draw);
        if (!playing) element("time").setAttribute("aria-valuetext", `A: ${where[0] || "nothing"}. B: ${where[1] || "nothing"}.`);
        if (!busy() || !told) sides.forEach(results), tables();
        told = true, changed = false;
    }
    document.body.dataset.ready = String(!busy() && weights !== "loading");
    if (busy() || playing) wake();
}
let told = false; /* the page says that the newest runs have begun */

/* ---------------------------------------------------------------- settings in the address */

function remember() {
    const all = new URLSearchParams();
    for (const id of common) all.set(id, element(id).value);
    for (const side of sides) for (const field of fields) {
        const input = side.controls[field], value = input.value;
        if (value && value !== "default") all.set(side.key + "." + field, value);
    }
    try { history.replaceState(null, "", "#" + all); } catch (error) { /* the address stays as it was */ }
}
function recall() {
    const all = new URLSearchParams(location.hash.slice(1));
    const put = (input, name) => { /* what a list does not have is left as it is */
        const before = input.value;
        if (all.has(name)) input.value = all.get(name);
        if (input.value === "" && input.localName === "select") input.value = before;
    };
    for (const id of common) put(element(id), id);
    for (const side of sides) for (const field of fields) put(side.controls[field], side.key + "." + field);
    if (all.has("time")) time = Math.min(1, Math.max(0, Number(all.get("time")) || 0)), element("time").value = 1000 * time;
    return location.hash.length > 1;
}
const DEFAULTS = { schedule: "flow", sampler: "dpmpp_2m", grid: "default", prediction: "default", steps: "10", eta: "", churn: "", extra: "" };
function take(idea) {
    const [, shared, ...of] = idea;
    for (const id in { by: 0, ...shared }) element(id).value = shared[id] || "step";
    sides.forEach((side, s) => {
        for (const field of fields) side.controls[field].value = { ...DEFAULTS, ...of[s] }[field];
    });
}
/* The digits' weights come when they are asked for. */
let weights = "none"; /* loading, here, missing */
function loadWeights() {
    const script = document.createElement("script");
    weights = "loading";
    script.src = "weights.js";
    script.onload = () => {
        const bytes = Uint8Array.from(atob(PLAYGROUND_WEIGHTS), (c) => c.charCodeAt(0));
        new Uint8Array(wasm.memory.buffer).set(bytes, wasm.weights());
        wasm.unpack();
        weights = "here";
        if (dataOf() === DIGITS) restart(sides);
    };
    script.onerror = () => {
        weights = "missing";
        if (dataOf() === DIGITS) restart(sides);
    };
    document.head.append(script);
}

function restart(which) {
    if (dataOf() === DIGITS && weights === "none") loadWeights();
    element("count").disabled = dataOf() === DIGITS;
    remember();
    if (dataOf() === DIGITS && weights === "loading") return;
    which.forEach(start);
    wake();
}

function main() {
    lists = { schedule: names("schedule"), grid: names("grid"), sampler: names("sampler") };
    sides = [makeSide("a", 0), makeSide("b", 1)];
    DATA.forEach((name, i) => element("data").add(new Option(name, i)));
    IDEAS.forEach(([name], i) => element("try").add(new Option(name, i)));
    element("try").add(new Option("your own", ""));
    take(IDEAS[0]);
    const linked = recall();
    if (linked) element("try").value = "";

    for (const form of document.forms) form.addEventListener("submit", (event) => event.preventDefault());
    for (const side of sides) side.form.addEventListener("input", () => { element("try").value = ""; restart([side]); });
    element("try").addEventListener("input", () => {
        if (element("try").value === "") return;
        take(IDEAS[element("try").value]);
        restart(sides);
        time = 0, setPlaying(true);
    });
    for (const id of ["data", "count", "seed"]) element(id).addEventListener("input", () => restart(sides));
    for (const id of ["show", "by"]) element(id).addEventListener("input", () => { changed = true; remember(); wake(); });
    element("reseed").addEventListener("click", () => {
        element("seed").value = 1 + Number(element("seed").value || 0);
        restart(sides);
    });
    element("play").addEventListener("click", () => {
        if (!playing && time >= 1) time = 0;
        setPlaying(!playing);
    });
    element("time").addEventListener("input", () => {
        time = element("time").value / 1000, changed = true;
        if (playing) setPlaying(false);
        wake();
    });
    for (const id of ["levels", "plans", "numbers"]) element(id).addEventListener("toggle", tables);
    element("explain").addEventListener("input", tables);
    new ResizeObserver(() => { changed = true; wake(); }).observe(sides[0].canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { changed = true; wake(); });

    restart(sides);
    if (!linked && !matchMedia("(prefers-reduced-motion: reduce)").matches) setPlaying(true);
    else if (!linked) time = 1, element("time").value = 1000;
}

WebAssembly.instantiate(Uint8Array.from(atob(PLAYGROUND_WASM), (c) => c.charCodeAt(0))).then(({ instance }) => {
    wasm = instance.exports;
    main();
});
