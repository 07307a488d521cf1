"use strict";
/* The page's WebAssembly gives what the native program gives, to the bit: every sampler, grid, family and prediction,
   without a browser. bits.js NATIVE prints a line per difference and, last, the counts. */
const { execFileSync } = require("child_process"), fs = require("fs"), path = require("path");
const script = fs.readFileSync(path.resolve(__dirname, "../../docs/playground/wasm.js"), "utf8");

/* The settings that differ, and how many there are. */
async function compare(native) {
    const { instance } = await WebAssembly.instantiate(Buffer.from(script.match(/"(.*)"/)[1], "base64"), {});
    const wasm = instance.exports, bytes = () => Buffer.from(wasm.memory.buffer);
    const text = (at) => bytes().toString("utf8", at, bytes().indexOf(0, at));
    const names = (kind) => {
        const list = [];
        for (let i = 0; wasm.name(kind, i); i++) list.push(text(wasm.name(kind, i)));
        return list;
    };
    const [families, grids, samplers] = [0, 1, 2].map(names);
    const cases = [
        ...samplers.flatMap((name) => ["flow", "edm", "vp"].map((family) => `schedule=${family} sampler=${name} steps=6 seed=3`)),
        ...grids.flatMap((name) => ["flow", "vp_scaled_linear"].map((family) => `schedule=${family} grid=${name} steps=7 seed=4`)),
        ...families.flatMap((name) => ["x0", "eps", "v", "velocity", "score", "edm"].map((prediction) =>
            `schedule=${name} prediction=${prediction} sampler=heun churn=2 steps=5`)),
    ];
    const ofPage = (words) => {
        bytes().write(words + "\0", wasm.words());
        let more = wasm.begin(0, 1) ? -1 : 1;
        while (more > 0) more = wasm.next(0);
        if (more < 0) return "message " + text(wasm.message(0));
        return Array.from(new Float32Array(wasm.memory.buffer, wasm.state(0), 16)).join(" ") + "\n" + text(wasm.plan(0));
    };
    const ofNative = (words) => {
        const out = execFileSync(native, ["1", words], { encoding: "utf8" }), plan = out.indexOf("plan\n");
        if (plan < 0) return out.trim();
        return [...out.matchAll(/^particle (\S+) (\S+)$/gm)].flatMap((m) => [m[1], m[2]].map(Math.fround)).join(" ") + "\n" + out.slice(plan + 5);
    };
    return { count: cases.length, differ: cases.map((words) => words + " batch=8").filter((words) => ofPage(words) !== ofNative(words)) };
}
module.exports = { compare };

if (require.main === module) compare(process.argv[2]).then(({ count, differ }) => {
    for (const words of differ) console.log("web: FAILED: WebAssembly and the native program differ with " + words);
    console.log(`web: ${count - differ.length} passed, ${differ.length} failed`);
    process.exitCode = differ.length ? 1 : 0;
});
