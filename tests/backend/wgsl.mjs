// Compiles WGSL with the npm package webgpu, on a device that does nothing: node wgsl.mjs PACKAGE KERNELS...
import { createRequire } from 'module';
import fs from 'fs';
import path from 'path';
const folder = path.resolve(process.argv[2]);
const entry = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'))).main ?? 'index.js';
const { create, globals } = await import(createRequire(import.meta.url).resolve(path.join(folder, entry)));
Object.assign(globalThis, globals);
const device = await (await create(['backend=null']).requestAdapter()).requestDevice();
let bad = 0;
for (const kernel of process.argv.slice(3)) {
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ code: fs.readFileSync(kernel, 'utf8') });
    device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
    const error = await device.popErrorScope();
    if (error) console.log(kernel, error.message), bad++;
}
process.exit(bad ? 1 : 0);
