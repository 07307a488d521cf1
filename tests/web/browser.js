"use strict";
/* Chromium, headless, over a pipe: the DevTools protocol without packages. Give its program's name. */
const { spawn } = require("child_process"), fs = require("fs"), os = require("os"), path = require("path");

async function launch(program) {
    const profile = fs.mkdtempSync(path.join(os.tmpdir(), "playground-"));
    const options = ["--headless", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run", "--disable-extensions", "--hide-scrollbars",
        "--disable-background-networking", "--disable-dev-shm-usage", "--user-data-dir=" + profile];
    if (process.getuid && process.getuid() === 0) options.push("--no-sandbox");
    const child = spawn(program, options.concat("about:blank"), { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    const [to, from] = [child.stdio[3], child.stdio[4]], answers = new Map(), listeners = [];
    let number = 0, rest = "";
    from.on("data", (bytes) => {
        const messages = (rest + bytes).split("\0");
        rest = messages.pop();
        for (const message of messages.map((m) => JSON.parse(m))) {
            const answer = answers.get(message.id);
            answers.delete(message.id);
            if (answer) message.error ? answer.reject(new Error(message.error.message)) : answer.resolve(message.result);
            else listeners.forEach((listener) => listener(message));
        }
    });
    child.on("exit", () => answers.forEach((answer) => answer.reject(new Error("the browser has ended"))));
    const send = (method, params = {}, sessionId = undefined) => new Promise((resolve, reject) => {
        answers.set(++number, { resolve, reject });
        to.write(JSON.stringify({ id: number, method, params, sessionId }) + "\0");
    });
    const { targetId } = await send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
    const tab = (method, params) => send(method, params, sessionId);
    const complaints = [];
    listeners.push((message) => {
        const { method, params } = message;
        if (method === "Runtime.exceptionThrown") complaints.push(params.exceptionDetails.exception.description || params.exceptionDetails.text);
        if (method === "Runtime.consoleAPICalled" && ["error", "warning", "assert"].includes(params.type)) complaints.push(params.args.map((a) => a.value).join(" "));
        if (method === "Log.entryAdded" && params.entry.level === "error") complaints.push(params.entry.text + " " + (params.entry.url || ""));
    });
    for (const domain of ["Page", "Runtime", "Log"]) await tab(domain + ".enable");

    const evaluate = async (expression) => {
        const { result, exceptionDetails } = await tab("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
        if (exceptionDetails) throw new Error(exceptionDetails.exception.description);
        return result.value;
    };
    const until = async (expression) => {
        for (let i = 0; i < 600; i++) {
            if (await evaluate(expression)) return;
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
        throw new Error("never came true: " + expression);
    };
    return {
        complaints, evaluate, until, tab,
        /* dark and still: what the user prefers. */
        async open(url, { width = 1280, height = 900, dark = false, still = true, ratio = 1 } = {}) {
            const features = [["color-scheme", dark ? "dark" : "light"], ["reduced-motion", still ? "reduce" : "no-preference"]];
            await tab("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: ratio, mobile: width < 500 });
            await tab("Emulation.setEmulatedMedia", { features: features.map(([name, value]) => ({ name: "prefers-" + name, value })) });
            await tab("Page.navigate", { url: "about:blank" });
            await tab("Page.navigate", { url });
            await until("document.body && document.body.dataset.ready === 'true'");
        },
        async picture(file, whole) {
            const { data } = await tab("Page.captureScreenshot", { format: "png", captureBeyondViewport: Boolean(whole) });
            fs.writeFileSync(file, Buffer.from(data, "base64"));
        },
        async key(name, code, text) {
            for (const type of ["keyDown", "keyUp"])
                await tab("Input.dispatchKeyEvent", { type, key: name, code: name, windowsVirtualKeyCode: code, text: type === "keyDown" ? text : undefined });
        },
        async close() {
            const ended = new Promise((resolve) => child.on("exit", resolve));
            await Promise.race([send("Browser.close"), ended]).catch(() => { });
            await Promise.race([ended, new Promise((resolve) => setTimeout(() => { child.kill("SIGKILL"); resolve(); }, 5000))]);
            fs.rmSync(profile, { recursive: true, force: true });
        },
    };
}
module.exports = { launch };
