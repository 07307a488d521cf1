"use strict";
/* Looks at the page in a browser: page.js BROWSER NATIVE FOLDER. Pictures go to the folder. Prints a line per failure and,
   last, the counts. */
const { launch } = require("./browser.js"), bits = require("./bits.js");
const { execFileSync } = require("child_process"), fs = require("fs"), http = require("http"), path = require("path");
const [, , program, native, folder] = process.argv, root = path.resolve(__dirname, "../../docs/playground");
const FILE = "file://" + root + "/index.html";

let passed = 0, failed = 0;
function check(name, problems) {
    if (problems.length === 0) return passed++;
    failed++;
    console.log("web: FAILED: " + name + "\n    " + problems.slice(0, 8).join("\n    "));
}
const same = (name, got, expected) => got === expected ? [] : [`${name}: ${got}, not ${expected}`];

/* -------------------------------------------------- what the page shows, read as its user reads it */
const SHOWN = `(() => {
    for (const id of ["levels", "plans", "numbers"]) document.getElementById(id).open = true;
    tables();
    const cells = (id) => [...document.querySelectorAll("#" + id + " tr")].map((tr) => [...tr.cells].map((c) => c.textContent));
    return ["a", "b"].map((key, s) => ({
        words: document.getElementById("words-" + key).textContent.slice(3),
        message: document.getElementById("message-" + key).textContent,
        results: [...document.querySelectorAll("#results-" + key + " dd")].map((dd) => dd.textContent),
        levels: cells("levels-rows").map((row) => row.slice(1 + 4 * s, 5 + 4 * s)),
        particles: cells("numbers-rows").map((row) => row.slice(1 + 2 * s, 3 + 2 * s)),
        plan: [...document.querySelectorAll("#plan-" + key + " span")].map((line) => line.textContent),
    }));
})()`;

function expected(data, words) {
    const out = execFileSync(native, [String(data), words], { encoding: "utf8" }), at = out.indexOf("plan\n");
    const lines = (at < 0 ? out : out.slice(0, at)).trimEnd().split("\n").map((line) => line.split(" "));
    const all = (name) => lines.filter((line) => line[0] === name).map((line) => line.slice(1));
    return { all, first: (name) => (all(name)[0] || [""]).join(" "), plan: at < 0 ? [] : out.slice(at + 5).trimEnd().split("\n") };
}
const infinite = { inf: Infinity, "-inf": -Infinity };
const number = (text) => text in infinite ? infinite[text] : Number(text);
const digits = (v) => Number.isFinite(v) ? String(Number(v.toPrecision(7))) : v > 0 ? "∞" : "−∞";

function compare(data, shown) {
    const native = expected(data, shown.words), [calls, draws, distance, spread] = shown.results;
    if (native.first("message")) return same("message", shown.message, native.first("message"));
    const near = (a, b) => a.length === b.length && a.every((v, i) => Math.abs(v - b[i]) <= (data === "2" ? 1e-3 : 0));
    const floats = (rows) => rows.flat().map((v) => Math.fround(v));
    const [ours, theirs] = [floats(shown.particles.filter((p) => p[0] !== "")), floats(native.all("particle"))];
    const levels = native.all("level").map((level) => level.map(number)).map(([t, alpha, sigma]) => [t, alpha, sigma, sigma / alpha].map(digits));
    return [
        ...same("message", shown.message, ""),
        ...same("evaluations", calls, native.first("calls")),
        ...same("draws", draws, native.first("draws")),
        ...data === "2" ? [] : same("distance", distance, native.first("distance") ? Number(native.first("distance")).toPrecision(3) : "not with noise or guidance"),
        ...data === "2" ? [] : same("spread", spread, native.all("spread")[0].map((v) => Number(v).toFixed(2)).join(", ")),
        ...same("levels", JSON.stringify(shown.levels.filter((row) => row[0] !== "")), JSON.stringify(levels)),
        ...near(ours, theirs) ? [] : [`particles: ${ours}, not ${theirs}`],
        ...same("plan", shown.plan.map((line) => line.trim()).join("\n"), native.plan.map((line) => line.trim()).join("\n")),
    ];
}

/* --------------------------------------------------------------------------- WCAG 2.2, by script */
const CONTRAST = `(() => {
    const parse = (css) => { const v = css.match(/[\\d.]+/g).map(Number); return v.length < 4 ? [...v, 1] : v; };
    const under = (element) => {
        for (let e = element; e; e = e.parentElement) {
            const c = parse(getComputedStyle(e).backgroundColor);
            if (c[3] === 1) return c;
        }
        return [255, 255, 255, 1];
    };
    const luminance = (c) => {
        const [r, g, b] = c.slice(0, 3).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ratio = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
    const problems = [], least = (r, most, what) => { if (r < most) problems.push(r.toFixed(2) + " < " + most + ": " + what); };
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let seen = 0;
    for (let node; (node = walk.nextNode());) {
        const e = node.parentElement, style = getComputedStyle(e);
        if (!node.textContent.trim() || e.closest("script, noscript") || !e.checkVisibility()) continue;
        const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
        least(ratio(parse(style.color), under(e)), large ? 3 : 4.5, node.textContent.trim().slice(0, 40));
        seen++;
    }
    for (const e of document.querySelectorAll("input, select, button")) {
        const style = getComputedStyle(e);
        if (e.type === "range") least(ratio(parse(style.accentColor), under(e.parentElement)), 3, "range " + e.id);
        else least(ratio(parse(style.borderTopColor), under(e.parentElement)), 3, "border of " + e.id);
        if (e.placeholder) least(ratio(parse(getComputedStyle(e, "::placeholder").color), under(e)), 4.5, "placeholder of " + e.id);
    }
    for (const key of ["a", "b"]) {
        const colour = parse(getComputedStyle(document.querySelector("figure." + key + " strong")).color);
        least(ratio(colour, under(document.getElementById("canvas-" + key))), 4.5, "particles of " + key);
    }
    if (seen < 50) problems.push("only " + seen + " texts were seen");
    return problems;
})()`;
const TARGETS = `[...document.querySelectorAll("input, select, button, summary")].map((e) => [e.id || e.textContent, e.getBoundingClientRect()])
    .filter(([, box]) => box.width < 24 || box.height < 24).map(([name, box]) => name + ": " + box.width + " x " + box.height)`;
const WIDE = `document.documentElement.scrollWidth > document.documentElement.clientWidth ? ["content is " + document.documentElement.scrollWidth + " wide"] : []`;

async function unnamed(browser) {
    const { nodes } = await browser.tab("Accessibility.getFullAXTree", {});
    const controls = nodes.filter((n) => !n.ignored && ["button", "combobox", "slider", "spinbutton", "textbox", "image", "img", "region", "DisclosureTriangle"].includes(n.role && n.role.value));
    const problems = controls.filter((n) => !n.name || !n.name.value.trim()).map((n) => n.role.value + " without a name");
    return controls.length < 20 ? ["only " + controls.length + " controls were seen", ...problems] : problems;
}

/* ------------------------------------------------------------------------------------- checks */
const CASES = [
    "data=1&a.sampler=dpmpp_2m&b.sampler=euler",
    "data=0&count=100&seed=7&a.schedule=edm&a.sampler=heun&a.steps=18&a.grid=karras&b.schedule=vp&b.sampler=ddim&b.eta=1&b.steps=30",
    "data=1&count=1000&a.schedule=edm&a.churn=20&a.sampler=heun&a.prediction=edm&b.schedule=vp_linear&b.prediction=v&b.sampler=unipc&b.grid=lambda",
    "data=0&a.sampler=rk45&a.extra=rtol%3D0.001&b.extra=guidance.scale%3D3",
    "data=1&a.schedule=cosine_flow&a.prediction=x0&b.schedule=ve&b.prediction=score&b.sampler=dpmpp_2m_sde",
    "data=0&a.prediction=eps&b.extra=sampler.order%3D9",
    "data=0&a.extra=foo%3D3&b.sampler=euler&b.churn=-1",
    "data=2&a.schedule=edm&a.steps=8&b.sampler=ddim&b.eta=1&b.steps=6&b.extra=guidance.scale%3D2",
    "data=2&a.prediction=v&b.schedule=vp_cosine&b.steps=3&b.sampler=heun",
];

async function numbers(browser, url) {
    for (const settings of CASES) {
        await browser.open(url + "#" + settings);
        const shown = await browser.evaluate(SHOWN), data = settings.match(/data=(\d)/)[1]; /* 2: digits, where cos and sin are the C library's */
        shown.forEach((side, s) => check(`numbers of ${"AB"[s]} with ${settings}`, compare(data, side)));
    }
}

async function looks(browser) {
    const kinds = [["wide-light", {}], ["wide-dark", { dark: true }], ["phone-light", { width: 390, height: 844, ratio: 2 }], ["phone-dark", { width: 390, height: 844, ratio: 2, dark: true }], ["narrow", { width: 320, height: 600 }]];
    for (const [name, how] of kinds) {
        await browser.open(FILE + "#data=0&time=0.7&b.schedule=edm&b.sampler=heun&a.extra=grid.rho%3D0", how);
        await browser.picture(path.join(folder, name + ".png"));
        await browser.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })");
        await browser.picture(path.join(folder, name + "-whole.png"), true);
        check("contrast, " + name, await browser.evaluate(CONTRAST));
        check("targets, " + name, await browser.evaluate(TARGETS));
        check("width, " + name, await browser.evaluate(WIDE));
        check("names of controls, " + name, await unnamed(browser));
    }
    for (const [name, how] of kinds.slice(0, 4)) {
        await browser.open(FILE + "#data=2&time=0.6&a.schedule=edm&b.steps=12", how);
        await browser.picture(path.join(folder, "digits-" + name + ".png"));
    }
    await browser.open(FILE, { width: 760, height: 800 }); /* docs/playground/page.png */
    await browser.picture(path.join(folder, "page.png"));
    await browser.open(FILE + "#a.extra=foo%3D3", { dark: true });
    check("contrast of an error", await browser.evaluate(CONTRAST));
    await browser.picture(path.join(folder, "error.png"));
}

const PICTURE = "sides.map((side) => side.canvas.toDataURL()).join()";
async function keys(browser) {
    await browser.open(FILE + "#time=0");
    await browser.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })");
    const reached = new Set();
    for (let i = 0; i < 60; i++) {
        await browser.key("Tab", 9);
        reached.add(await browser.evaluate("document.activeElement.id"));
    }
    const all = await browser.evaluate(`[...document.querySelectorAll("input, select, button")].map((e) => e.id)`);
    check("Tab reaches every control", all.filter((id) => !reached.has(id)));
    await browser.evaluate("element('time').focus()");
    const before = await browser.evaluate(PICTURE);
    for (let i = 0; i < 20; i++) await browser.key("ArrowRight", 39);
    await browser.until(PICTURE + " !== " + JSON.stringify(before)).then(() => check("arrows move time", []), (e) => check("arrows move time", [String(e.message).slice(0, 60)]));
    check("time is said in words", /^A: step \d+ of 10, noise level .*B: step/.test(await browser.evaluate("element('time').getAttribute('aria-valuetext')")) ? [] : ["it is not"]);
    await browser.evaluate("element('play').focus()");
    await browser.key(" ", 32, " ");
    check("the space bar plays", same("button", await browser.evaluate("element('play').textContent"), "Pause"));
    await browser.key(" ", 32, " ");
    check("and stops", same("button", await browser.evaluate("element('play').textContent"), "Play"));
    await browser.evaluate("element('sampler-b').focus()");
    await browser.key("End", 35);
    await browser.until("document.body.dataset.ready === 'true'");
    check("a list takes keys", same("sampler", await browser.evaluate("wordsOf(sides[1]).match(/sampler=(\\w+)/)[1]"), await browser.evaluate("lists.sampler[lists.sampler.length - 1][0]")));
    await browser.open(FILE, { still: false });
    await browser.until("time === 1 && !playing");
    check("without settings in the address it plays to the end", []);
    await browser.open(FILE, { still: true });
    check("where motion is unwanted it stands at the end", same("time", await browser.evaluate("time + ' ' + playing"), "1 false"));
    await browser.open(FILE + "#time=1");
    const address = await browser.evaluate(`(() => { sides[0].controls.sampler.value = "heun"; sides[0].form.dispatchEvent(new Event("input")); return location.href; })()`);
    await browser.open(address);
    check("the address keeps the settings", same("sampler", await browser.evaluate("sides[0].controls.sampler.value"), "heun"));
}

/* Every idea of the list runs; samplers and grids do, or are refused in words. */
async function everything(browser) {
    await browser.open(FILE + "#time=1&count=100");
    const problems = [];
    for (let i = 0; i < await browser.evaluate("IDEAS.length"); i++) {
        await browser.evaluate(`take(IDEAS[${i}]), restart(sides), document.body.dataset.ready = "false"`);
        await browser.until("document.body.dataset.ready === 'true'");
        problems.push(...(await browser.evaluate("sides.filter((s) => s.state !== 'done').map((s) => s.message)")).map((m) => i + ": " + m));
        problems.push(...(await browser.evaluate("sides.map((s) => draw(s)).filter((where) => !/^step (\\d+) of \\1, noise level 0$/.test(where))")).map((where) => i + " ends at " + where));
    }
    check("every idea runs", problems);
    await browser.evaluate("take(IDEAS[5]), restart(sides), element('plans').open = true, element('explain').click(), document.body.dataset.ready = 'false'");
    await browser.until("document.body.dataset.ready === 'true'");
    const [lines, sentences] = await browser.evaluate("['span:not(.sentence)', '.sentence'].map((of) => [...document.querySelectorAll('#plan-b ' + of)].map((e) => e.textContent))");
    check("every row is said in a sentence", same("sentences", sentences.filter((s) => /[a-z]{3}.*\.$/.test(s)).length, lines.filter((line) => line.startsWith("    ")).length));
    await browser.picture(path.join(folder, "explained.png"), true);
    check("contrast of sentences", await browser.evaluate(CONTRAST));
    check("every sampler, grid and family runs or is refused in words", await browser.evaluate(`(() => {
        const problems = [];
        for (const kind of ["sampler", "grid", "schedule"]) for (const [name] of lists[kind]) {
            putWords(kind + "=" + name + " batch=10 steps=10");
            let more = wasm.begin(0, 1) ? -1 : 1;
            while (more > 0) more = wasm.next(0);
            if (more < 0 && !text(wasm.message(0))) problems.push(name);
        }
        return problems;
    })()`));
}

async function served(browser) {
    const types = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript" }, asked = [];
    let lost = "";
    const server = http.createServer((request, response) => {
        asked.push(request.url);
        const file = path.join(root, path.basename(request.url.split("?")[0]));
        if (!fs.existsSync(file) || lost === path.basename(file)) return response.writeHead(404).end();
        response.writeHead(200, { "content-type": types[path.extname(file)] || "application/octet-stream" }).end(fs.readFileSync(file));
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    await browser.open(`http://127.0.0.1:${server.address().port}/index.html#data=1`);
    const shown = await browser.evaluate(SHOWN);
    shown.forEach((side, s) => check(`numbers of ${"AB"[s]} from a server`, compare("1", side)));
    const loaded = await browser.evaluate("performance.getEntriesByType('resource').map((e) => e.name).filter((n) => !n.startsWith(location.origin) && !n.startsWith('data:'))");
    check("nothing is loaded from elsewhere", loaded);
    check("every file is there", asked.filter((url) => !fs.existsSync(path.join(root, path.basename(url)))));
    lost = "weights.js";
    await browser.open(`http://127.0.0.1:${server.address().port}/index.html#data=2`);
    await browser.until("sides[0].state === 'failed'");
    check("weights that are not there are named", same("message", await browser.evaluate("sides[0].message"), "weights.js: cannot be loaded"));
    check("and nothing else complains", browser.complaints.filter((complaint) => !complaint.includes("weights.js")));
    browser.complaints.length = 0;
    server.close();
}

(async () => {
    const { count, differ } = await bits.compare(native);
    passed += Math.max(0, count - differ.length - 1);
    check("WebAssembly and the native program give the same bits", differ);
    const browser = await launch(program);
    try {
        await numbers(browser, FILE);
        await looks(browser);
        await keys(browser);
        await everything(browser);
        check("the console is silent", browser.complaints);
        await served(browser);
    } catch (error) {
        check("the browser", [error.stack, ...browser.complaints]);
    } finally {
        await browser.close();
    }
    console.log(`web: ${passed} passed, ${failed} failed`);
    process.exitCode = failed ? 1 : 0;
})();
