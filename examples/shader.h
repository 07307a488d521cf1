/* shader.h: a plan as compute shaders, in GLSL, HLSL, WGSL, OpenCL C, CUDA C and C. Each pass of a plan becomes a kernel that
   runs all of its rows for one element, with everything between them in registers. Passes of the same shape have the same
   text: what differs (slots, draws, coefficients) stands in a block of 32-bit words, a uniform buffer. So an engine
   makes a few pipelines, and records all dispatches of a run into a command buffer of its own.

       for (int k = 0; k < plan.passes; k++) {
           char *text = shader_text(SHADER_GLSL, &of, &plan.pass[k]);            // compile each different one once
           int words = shader_block(&of, &plan.pass[k], block, SHADER_WORDS);    // bind with the dispatch
           ... then what ends the pass: the network on slots, or a norm, by shader_norm_text and shader_norm_block
       }

   A kernel has three bindings. 0, v: all vectors, batch * dim floats each, in the order of shader_slots. 1, p: the block.
   2, s: the plan's norms as floats, number n of sample b at (n - 1) * batch + b; only where the pass uses one.
   Groups have SHADER_GROUP invocations; one for each element, 2^21 in x, the rest in y: see shader_groups.
   The kernel of a norm has one group of SHADER_LANES for each sample, and writes s. Its lanes sum 64 elements at a time, then these
   sums, then one another, always in the same order; a quantile is found bit by bit.
   Noise of the library's own generator is made in the kernel, at its address (docs/noise.md); other noise comes into a slot.

   The host's bits come out where a language can forbid fused multiply-add and rounds square roots correctly; WGSL
   cannot. Norms are summed in float, the host's in double. Not here: networks of 16 bits, elements beyond 2^32.

   Include diffkit.h first, DK_REAL float. C11 or C++11. MIT licence. */
#ifndef EXAMPLES_SHADER_H
#define EXAMPLES_SHADER_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum shader_language { SHADER_GLSL, SHADER_HLSL, SHADER_WGSL, SHADER_OPENCL, SHADER_CUDA, SHADER_C, SHADER_LANGUAGES } shader_language;

enum { SHADER_GROUP = 64, SHADER_LANES = 128, SHADER_ROW = 1 << 21, SHADER_WORDS = 1024, SHADER_FIXED = 7 };

/* What a plan is run with: a resolved config; with step-size control, how many draws were made before. */
typedef struct shader_of {
    const dk_plan *plan;
    const dk_config *config;
    int draws;
} shader_of;

/* ------------------------------------------------------------------------------ words of languages */

/* Names and endings of files; what declares and converts; what stands around. {U and {F declare a number, {I( {R( {B( {V( convert:
   to int, to float, bits of a float, float of bits; {L( and {H( are the lower and the higher of two floats, {Q( a root; between
   {P and {S stands what all lanes of a group do before any goes on. */
typedef struct shader_words {
    const char *name, *ending, *declare_uint, *declare_float, *to_int, *to_float, *bits, *value, *lower, *higher, *root;
    const char *head, *block, *member_uint, *member_float, *block_end, *scalars;
    const char *muladd, *mulhi, *normal, *open, *open_scalars, *close;
    const char *norms, *open_norm, *lanes, *meet; /* of kernels that make norms */
} shader_words;

#define SHADER_MULHI                                                                           \
    "    {Ua0 = a & 0xFFFFu;\n    {Ua1 = a >> 16u;\n    {Ub0 = b & 0xFFFFu;\n    {Ub1 = b >> 16u;\n" \
    "    {Um = a1 * b0 + ((a0 * b0) >> 16u);\n"                                                  \
    "    return a1 * b1 + (m >> 16u) + ((a0 * b1 + (m & 0xFFFFu)) >> 16u);\n}\n"
#define SHADER_NORMAL "float normal(uint seed0, uint seed1, uint sample0, uint sample1, uint draw, uint element) {\n"

static const shader_words shader_table[SHADER_LANGUAGES] = {
    {"glsl", "comp", "uint ", "precise float ", "int(", "float(", "floatBitsToUint(", "uintBitsToFloat(", "min(", "max(", "sqrt(",
     "#version 450\nlayout(std430, binding = 0) buffer Vectors { float v[]; };\n",
     "layout(std140, binding = 1) uniform Block {\n", "    uint %s;\n", "    float %s;\n", "} p;\n",
     "layout(std430, binding = 2) readonly buffer Scalars { float s[]; };\n",
     "float muladd(float a, float b, float c) {\n    precise float y = a * b;\n    y = y + c;\n    return y;\n}\n",
     "uint mulhi(uint a, uint b) {\n    uint high, low;\n    umulExtended(a, b, high, low);\n    return high;\n}\n", SHADER_NORMAL,
     "layout(local_size_x = 64) in;\nvoid main() {\n    uint i = gl_GlobalInvocationID.x + 2097152u * gl_GlobalInvocationID.y;\n"
     "    if (i >= p.size) { return; }\n",
     NULL, "}\n", "layout(std430, binding = 2) writeonly buffer Scalars { float s[]; };\n",
     "layout(local_size_x = 128) in;\nshared float part[512];\nvoid main() {\n    uint lane = gl_LocalInvocationID.x;\n"
     "    uint number = gl_WorkGroupID.x;\n",
     "{", "}\n    barrier();"},
    {"hlsl", "hlsl", "uint ", "precise float ", "int(", "float(", "asuint(", "asfloat(", "min(", "max(", "sqrt(",
     "RWStructuredBuffer<float> v : register(u0);\n", "struct Block {\n", "    uint %s;\n", "    float %s;\n",
     "};\ncbuffer Bound : register(b1) { Block p; };\n", "StructuredBuffer<float> s : register(t2);\n",
     "float muladd(float a, float b, float c) {\n    precise float y = a * b;\n    y = y + c;\n    return y;\n}\n",
     "uint mulhi(uint a, uint b) {\n" SHADER_MULHI, SHADER_NORMAL,
     "[numthreads(64, 1, 1)]\nvoid main(uint3 id : SV_DispatchThreadID) {\n    uint i = id.x + 2097152u * id.y;\n"
     "    if (i >= p.size) { return; }\n",
     NULL, "}\n", "RWStructuredBuffer<float> s : register(u2);\n",
     "groupshared float part[512];\n[numthreads(128, 1, 1)]\nvoid main(uint3 place : SV_GroupThreadID, uint3 group : SV_GroupID) {\n"
     "    uint lane = place.x;\n    uint number = group.x;\n",
     "{", "}\n    GroupMemoryBarrierWithGroupSync();"},
    {"wgsl", "wgsl", "var ", "var ", "i32(", "f32(", "bitcast<u32>(", "bitcast<f32>(", "min(", "max(", "sqrt(",
     "@group(0) @binding(0) var<storage, read_write> v: array<f32>;\n", "struct Block {\n", "    %s: u32,\n", "    %s: f32,\n",
     "}\n@group(0) @binding(1) var<uniform> p: Block;\n", "@group(0) @binding(2) var<storage, read> s: array<f32>;\n",
     "fn muladd(a: f32, b: f32, c: f32) -> f32 {\n    return a * b + c;\n}\n",
     "fn mulhi(a: u32, b: u32) -> u32 {\n" SHADER_MULHI,
     "fn normal(seed0: u32, seed1: u32, sample0: u32, sample1: u32, draw: u32, element: u32) -> f32 {\n",
     "@compute @workgroup_size(64)\nfn main(@builtin(global_invocation_id) id: vec3<u32>) {\n    var i = id.x + 2097152u * id.y;\n"
     "    if (i >= p.size) { return; }\n",
     NULL, "}\n", "@group(0) @binding(2) var<storage, read_write> s: array<f32>;\n",
     "var<workgroup> part: array<f32, 512>;\n@compute @workgroup_size(128)\n"
     "fn main(@builtin(local_invocation_id) place: vec3<u32>, @builtin(workgroup_id) group: vec3<u32>) {\n"
     "    let lane = place.x;\n    let number = group.x;\n",
     "{", "}\n    workgroupBarrier();"},
    {"opencl", "cl", "uint ", "float ", "(int)(", "(float)(", "as_uint(", "as_float(", "min(", "max(", "sqrt(",
     "#pragma OPENCL FP_CONTRACT OFF\n", "typedef struct Block {\n", "    uint %s;\n", "    float %s;\n", "} Block;\n", "",
     "float muladd(float a, float b, float c) {\n    return a * b + c;\n}\n",
     "uint mulhi(uint a, uint b) {\n    return mul_hi(a, b);\n}\n", SHADER_NORMAL,
     "__kernel void run(__global float *v, __global const Block *q) {\n    const Block p = *q;\n"
     "    uint i = (uint)(get_global_id(0) + 2097152u * get_global_id(1));\n    if (i >= p.size) { return; }\n",
     "__kernel void run(__global float *v, __global const Block *q, __global const float *s) {\n    const Block p = *q;\n"
     "    uint i = (uint)(get_global_id(0) + 2097152u * get_global_id(1));\n    if (i >= p.size) { return; }\n",
     "}\n", "",
     "__kernel void run(__global const float *v, __global const Block *q, __global float *s) {\n    const Block p = *q;\n"
     "    __local float part[512];\n    uint lane = (uint)get_local_id(0);\n    uint number = (uint)get_group_id(0);\n",
     "{", "}\n    barrier(CLK_LOCAL_MEM_FENCE);"},
    {"cuda", "cu", "uint ", "float ", "(int)(", "(float)(", "__float_as_uint(", "__uint_as_float(", "fminf(", "fmaxf(", "sqrtf(",
     "typedef unsigned int uint;\n", "struct Block {\n", "    uint %s;\n", "    float %s;\n", "};\n", "",
     "static __device__ float muladd(float a, float b, float c) {\n    return __fadd_rn(__fmul_rn(a, b), c);\n}\n",
     "static __device__ uint mulhi(uint a, uint b) {\n    return __umulhi(a, b);\n}\n", "static __device__ " SHADER_NORMAL,
     "extern \"C\" __global__ void run(float *v, const Block *q) {\n    const Block p = *q;\n"
     "    uint i = blockIdx.x * 64u + threadIdx.x + 2097152u * blockIdx.y;\n    if (i >= p.size) { return; }\n",
     "extern \"C\" __global__ void run(float *v, const Block *q, const float *s) {\n    const Block p = *q;\n"
     "    uint i = blockIdx.x * 64u + threadIdx.x + 2097152u * blockIdx.y;\n    if (i >= p.size) { return; }\n",
     "}\n", "",
     "extern \"C\" __global__ void run(const float *v, const Block *q, float *s) {\n    const Block p = *q;\n"
     "    __shared__ float part[512];\n    uint lane = threadIdx.x;\n    uint number = blockIdx.x;\n",
     "{", "}\n    __syncthreads();"},
    {"c", "c", "uint ", "float ", "(int)(", "(float)(", "bits(", "value(", "fminf(", "fmaxf(", "sqrtf(",
     "#include <math.h>\n#include <string.h>\ntypedef unsigned int uint;\n"
     "static inline uint bits(float x) {\n    uint y;\n    memcpy(&y, &x, 4);\n    return y;\n}\n"
     "static inline float value(uint x) {\n    float y;\n    memcpy(&y, &x, 4);\n    return y;\n}\n",
     "typedef struct Block {\n", "    uint %s;\n", "    float %s;\n", "} Block;\n", "",
     "static inline float muladd(float a, float b, float c) { /* compile with -ffp-contract=off */\n    return a * b + c;\n}\n",
     "static uint mulhi(uint a, uint b) {\n    return (uint)((unsigned long long)a * b >> 32);\n}\n", "static " SHADER_NORMAL,
     "void run(float *v, const Block *q, const float *s) {\n    const Block p = *q;\n    (void)s;\n"
     "    for (uint i = 0; i < p.size; i++) {\n",
     NULL, "    }\n}\n", "",
     "void run(const float *v, const Block *q, float *s) {\n    const Block p = *q;\n    float part[512];\n"
     "    for (uint number = 0; number < p.batch; number++) {\n",
     "for (uint lane = 0; lane < 128u; lane++) {", "}"},
};

/* The recipe of docs/noise.md: Philox4x32-10, then Box-Muller. */
static const char shader_normal[] =
    "    {Ua = (element >> 6u) * 16u + (element & 15u);\n"
    "    {Ub = draw;\n    {Uc = sample0;\n    {Ud = sample1;\n    {Ukey0 = seed0;\n    {Ukey1 = seed1;\n"
    "    for ({Uk = 0u; k < 10u; k++) {\n"
    "        {Uhigh0 = mulhi(0xD2511F53u, a);\n        {Ulow0 = 0xD2511F53u * a;\n"
    "        {Uhigh1 = mulhi(0xCD9E8D57u, c);\n        {Ulow1 = 0xCD9E8D57u * c;\n"
    "        a = high1 ^ b ^ key0;\n        b = low1;\n        c = high0 ^ d ^ key1;\n        d = low0;\n"
    "        key0 = key0 + 0x9E3779B9u;\n        key1 = key1 + 0xBB67AE85u;\n    }\n"
    "    if ((element & 32u) != 0u) {\n        a = c;\n        b = d;\n    }\n"
    "    {Um = {B({R({I(a >> 1u)) + 0.5f) + 0x004AFB0Du;\n"
    "    {Fe = {R({I(158u - (m >> 23u)));\n"
    "    {Fx = {V((m & 0x7FFFFFu) + 0x3F3504F3u) - 1.0f;\n"
    "    {Fl = muladd(x, -0.17487891f, 0.2875466f);\n"
    "    l = muladd(l, x, -0.2989819f);\n    l = muladd(l, x, 0.33121392f);\n"
    "    l = muladd(l, x, -0.39913956f);\n    l = muladd(l, x, 0.5000431f);\n"
    "    l = muladd(l, x, -0.66668368f);\n    l = muladd(l, x, 0.99999976f);\n    l = muladd(l, x, -2.0f);\n"
    "    {Fradius = {Q(muladd(e, 1.38629436f, x * l));\n"
    "    {Uturn = b + 0x20000000u;\n"
    "    {Fy = {R({I(b << 2u)) * 1.16415322e-10f;\n    {Fz = y * y;\n"
    "    {Fsine = muladd(z, muladd(z, muladd(z, -0.58974695f, 2.5498216f), -5.167709f), 3.1415927f);\n    sine = y * sine;\n"
    "    {Fcosine = muladd(z, muladd(z, muladd(z, muladd(z, 0.23153661f, -1.3350679f), 4.058708f), -4.934802f), 1.0f);\n"
    "    {Uswap = ({B(sine) ^ {B(cosine)) & (0u - ((turn >> 30u) & 1u));\n"
    "    {Ubit = {B(cosine) ^ swap ^ ((turn + 0x40000000u) & 0x80000000u);\n"
    "    if ((element & 16u) != 0u) { bit = {B(sine) ^ swap ^ (turn & 0x80000000u); }\n"
    "    return radius * {V(bit);\n}\n";

/* What lanes add up over the elements of a sample, four sums e0 to e3, which end in part[0], part[128], part[256] and part[384]. */
static const char shader_sums[] =
    "    {P\n        {Fq0 = 0.0f;\n        {Fq1 = 0.0f;\n        {Fq2 = 0.0f;\n        {Fq3 = 0.0f;\n"
    "        for ({Uk = lane; k < p.dim;) {\n"
    "            {Fr0 = 0.0f;\n            {Fr1 = 0.0f;\n            {Fr2 = 0.0f;\n            {Fr3 = 0.0f;\n"
    "            for ({Un = 0u; n < 64u && k < p.dim; n++) {\n                {Ui = number * p.dim + k;\n";
static const char shader_tree[] =
    "                r0 = r0 + e0;\n                r1 = r1 + e1;\n                r2 = r2 + e2;\n                r3 = r3 + e3;\n"
    "                k = k + 128u;\n            }\n"
    "            q0 = q0 + r0;\n            q1 = q1 + r1;\n            q2 = q2 + r2;\n            q3 = q3 + r3;\n        }\n"
    "        part[lane] = q0;\n        part[lane + 128u] = q1;\n        part[lane + 256u] = q2;\n        part[lane + 384u] = q3;\n    {S\n"
    "    for ({Ureach = 64u; reach > 0u; reach = reach / 2u) {\n    {P\n        if (lane < reach) {\n"
    "            for ({Un = lane; n < 512u; n = n + 128u) { part[n] = part[n] + part[n + reach]; }\n        }\n    {S\n    }\n";

/* For each dk_norm_kind: what stands before, what is added up, and what is made of the sums. c0 to c3: see shader_norm_block. A
   deviation's elements are told from the first one, for float has few digits. */
#define SHADER_XY "                {Fx = v[p.a0 * p.size + i];\n                {Fy = v[p.a1 * p.size + i];\n"
#define SHADER_PRODUCTS SHADER_XY "                {Fe0 = x * x;\n                {Fe1 = y * y;\n                {Fe2 = x * y;\n                {Fe3 = 0.0f;\n"
#define SHADER_ERRORS(size)                                                                                                    \
    SHADER_XY "                {Fd = x - p.c2 * y;\n                x = v[p.a2 * p.size + i];\n                y = v[p.a3 * p.size + i];\n" \
              "                {Fsize = p.c1 * {H({H(x, -x), {H(y, -y));\n" size                                                 \
              "                {Fe0 = d / size * (d / size);\n                {Fe1 = 0.0f;\n                {Fe2 = 0.0f;\n                {Fe3 = 0.0f;\n" \
              "                if (d == 0.0f) { e0 = 0.0f; }\n"                                                              \
              "                if (({B(d) & 0x7F800000u) == 0x7F800000u || ({B(size) & 0x7F800000u) == 0x7F800000u) { e0 = {V(0x7F800000u); }\n"
#define SHADER_KEPT "    {Fy = 1.0f;\n    {Fx = {Q(part[0]);\n    if (p.c2 > 0.0f && p.c2 < x) { y = p.c2 / x; }\n"
static const char *const shader_norms[][3] = {
    {"", SHADER_PRODUCTS, "    {Fy = 0.0f;\n    if (part[128] > 0.0f) { y = {Q(part[0] / part[128]); }\n"},
    {"", SHADER_ERRORS("                size = size + p.c0;\n"), "    {Fy = {Q(part[0] / {R({I(p.dim)));\n"},
    {"", SHADER_ERRORS("                size = {H(size, p.c0);\n"), "    {Fy = {Q(part[0] / {R({I(p.dim)));\n"},
    {"",
     SHADER_XY "                x = x - v[p.a0 * p.size + number * p.dim];\n                y = y - v[p.a1 * p.size + number * p.dim];\n"
               "                {Fe0 = x * x;\n                {Fe1 = y * y;\n                {Fe2 = x;\n                {Fe3 = y;\n",
     "    {Fd = {R({I(p.dim));\n    {Fa = part[0] - part[256] * part[256] / d;\n    {Fb = part[128] - part[384] * part[384] / d;\n"
     "    {Fy = 1.0f;\n    if (b > 0.0f) { y = {Q({H(a, 0.0f) / b); }\n"},
    {"", SHADER_PRODUCTS, SHADER_KEPT},
    {"", SHADER_PRODUCTS, SHADER_KEPT "    if (part[128] > 0.0f) { y = y * part[256] / part[128]; } else { y = 0.0f; }\n"},
    {"    {Ufound = 0u;\n    {Unext = 0u;\n    for ({Ubit = 0x40000000u; bit > 0u; bit = bit / 2u) {\n",
     "                {Ukey = {B(v[p.a0 * p.size + i]) & 0x7FFFFFFFu;\n"
     "                {Fe0 = 0.0f;\n                {Fe1 = 0.0f;\n                {Fe2 = 0.0f;\n                {Fe3 = 0.0f;\n"
     "                if (key < found + bit) { e0 = 1.0f; }\n                if (key < next + bit) { e1 = 1.0f; }\n",
     "    if (part[0] <= p.c0) { found = found + bit; }\n    if (part[128] <= p.c1) { next = next + bit; }\n    {P\n    {S\n    }\n"
     "    {Fy = {V(found);\n    y = y + p.c3 * ({V(next) - y);\n    y = {H(y, 1.0f);\n"
     "    if (p.c2 > 0.0f && p.c2 < y) { y = p.c2; }\n    y = 1.0f / y;\n"},
};

/* --------------------------------------------------------------------------------------------- text */

typedef struct shader_string {
    char *p;
    size_t length, room;
    int failed;
} shader_string;

static inline void shader_append(shader_string *s, const char *text, size_t n) {
    if (s->length + n + 1 > s->room) {
        size_t room = 2 * s->room + n + 256;
        char *p = (char *)realloc(s->p, room);
        s->failed |= !p;
        if (!p) return;
        s->p = p, s->room = room;
    }
    memcpy(s->p + s->length, text, n);
    s->p[s->length += n] = 0;
}

/* {X becomes the language's word for it. */
static inline void shader_translate(shader_string *s, const shader_words *l, const char *text) {
    for (const char *next; *text; text = next) {
        const char *word = NULL;
        next = strchr(text, '{');
        while (next && !strchr("UFIRBVLHQPS", next[1] ? next[1] : ' ')) next = strchr(next + 1, '{');
        if (!next) next = text + strlen(text);
        shader_append(s, text, (size_t)(next - text));
        if (!*next) break;
        switch (next[1]) {
        case 'U': word = l->declare_uint; break;
        case 'F': word = l->declare_float; break;
        case 'I': word = l->to_int; break;
        case 'R': word = l->to_float; break;
        case 'B': word = l->bits; break;
        case 'V': word = l->value; break;
        case 'L': word = l->lower; break;
        case 'H': word = l->higher; break;
        case 'P': word = l->lanes; break;
        case 'S': word = l->meet; break;
        default: word = l->root;
        }
        shader_append(s, word, strlen(word));
        next += 2 + !strchr("UFPS", next[1]);
    }
}

#ifdef __GNUC__
__attribute__((format(printf, 3, 4)))
#endif
static inline void shader_say(shader_string *s, const shader_words *l, const char *format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    s->failed |= vsnprintf(line, sizeof line, format, arguments) >= (int)sizeof line;
    va_end(arguments);
    shader_translate(s, l, line);
}

/* ------------------------------------------------------------------------------------- plan to text */

/* Of a run at the pass that it is to run. */
static inline shader_of shader_of_run(const dk_run *run) {
    shader_of of = {dk_run_plan(run), &run->config, 0};
    dk_noise_source source;
    dk_noise_request first;
    if (dk_run_draw(run, 0, &source, &first) == DK_OK) of.draws = first.draw;
    return of;
}

/* x and the plan's buffers, slots as the plan's; then known and mask, if there are any; then draws that are not made in kernels, as
   many as a pass has. How many vectors that is. */
static inline int shader_given(const shader_of *of) { return of->config->mask ? 2 : 0; }
static inline int shader_slots(const shader_of *of) { return 1 + of->plan->buffers + shader_given(of) + of->plan->noises; }

/* Whether a draw of the plan is made in the kernel. Else it must be brought: the n-th of a pass into shader_noise_slot(of, n). */
static inline int shader_makes(const shader_of *of, int draw) {
    const dk_noise_source *s = of->draws + draw ? &of->config->step_noise : &of->config->noise;
    return !of->config->seeds && !s->fn && s->kind == DK_NOISE_PHILOX && !s->seed_offset;
}

static inline int shader_noise_slot(const shader_of *of, int n) { return 1 + of->plan->buffers + shader_given(of) + n; }

/* A pass, as it is walked: names that its kernel has for slots, locals and what else the block has. */
typedef struct shader_walk {
    const shader_of *of;
    const shader_words *l;
    shader_string body;
    int slot[256], written[256], slots; /* slots of vectors in order of appearance */
    int local[256];                     /* declared */
    int draw[64], draws, scalar[256], scalars, brought;
    float c[SHADER_WORDS];
    int count, failed;
} shader_walk;

static inline int shader_slot_name(shader_walk *w, int slot) {
    for (int k = 0; k < w->slots; k++)
        if (w->slot[k] == slot) return k;
    if (w->slots == 256) w->failed = 1;
    else w->slot[w->slots] = slot, w->written[w->slots++] = 0;
    return w->slots - 1;
}

/* The register that has a value, which is loaded if it is not there yet. */
static inline void shader_register(shader_walk *w, int slot, char name[16]) {
    int known = w->slots, k = shader_slot_name(w, slot);
    snprintf(name, 16, "b%d", k);
    if (k == known) shader_say(&w->body, w->l, "    {F%s = v[p.a%d * p.size + i];\n", name, k);
}

static inline void shader_value(shader_walk *w, int value, char name[16]) {
    const dk_value *v = &w->of->plan->value[value];
    if (v->kind == DK_VALUE_HALF || v->slot > 255) w->failed = 1;
    if (v->kind == DK_VALUE_LOCAL) snprintf(name, 16, "t%d", v->slot);
    else shader_register(w, v->slot + (v->kind == DK_VALUE_GIVEN ? 1 + w->of->plan->buffers : 0), name);
}

static inline int shader_coefficient(shader_walk *w, double c) {
    if (w->count == SHADER_WORDS) w->failed = 1;
    else w->c[w->count++] = (float)c;
    return w->count - 1;
}

/* c * value into text, "p.c1" or with the norms that multiply it; declares the value's register. */
static inline void shader_factor(shader_walk *w, const dk_term *t, char factor[128], char value[16]) {
    shader_value(w, t->value, value);
    int at = snprintf(factor, 128, "p.c%d", shader_coefficient(w, t->c));
    if (t->scalar && w->scalars < 256) w->scalar[w->scalars++] = t->scalar;
    for (int power = 0; t->scalar && power < t->power && at < 90; power++)
        at += snprintf(factor + at, 128 - (size_t)at, " * s[p.n%d * p.batch + number]", w->scalars - 1);
}

static inline void shader_row(shader_walk *w, const dk_row *row, int y) {
    const dk_plan *p = w->of->plan;
    const dk_value *d = &p->value[row->dst];
    char factor[128], value[16], first[160], mask[16];
    shader_string *b = &w->body;
    int from = row->mask >= 0;
    first[0] = mask[0] = 0;
    if (row->draw >= 0 && shader_makes(w->of, row->draw)) {
        if (w->draws == 64) w->failed = 1;
        else w->draw[w->draws++] = w->of->draws + row->draw;
        shader_say(b, w->l, "    {Fy%d = normal(p.seed_low, p.seed_high, low, high, p.z%d, i - number * p.dim);\n", y, w->draws - 1);
    } else if (row->draw >= 0) {
        shader_register(w, shader_noise_slot(w->of, w->brought++), value);
        shader_say(b, w->l, "    {Fy%d = %s;\n", y, value);
    } else {
        if (from) {
            shader_value(w, row->mask, mask);
            shader_factor(w, &p->term[row->first], factor, value);
            snprintf(first, sizeof first, "%s * %s", factor, value);
        }
        if (row->count == from) shader_say(b, w->l, "    {Fy%d = 0.0f;\n", y);
        for (int j = from; j < row->count; j++) {
            shader_factor(w, &p->term[row->first + j], factor, value);
            if (j == from) shader_say(b, w->l, "    {Fy%d = %s * %s;\n", y, factor, value);
            else shader_say(b, w->l, "    y%d = muladd(%s, %s, y%d);\n", y, factor, value, y);
        }
        if (from) shader_say(b, w->l, "    y%d = muladd(%s, y%d, (1.0f - %s) * (%s));\n", y, mask, y, mask, first);
    }
    if (row->clip > 0) {
        int c = shader_coefficient(w, row->clip);
        shader_say(b, w->l, "    y%d = {L({H(y%d, -p.c%d), p.c%d);\n", y, y, c, c);
    }
    if (d->kind == DK_VALUE_BUFFER) {
        int known = w->slots, k = shader_slot_name(w, d->slot);
        w->written[k] = 1;
        shader_say(b, w->l, k == known ? "    {Fb%d = y%d;\n" : "    b%d = y%d;\n", k, y);
    } else if (d->kind == DK_VALUE_LOCAL && d->slot < 256) {
        shader_say(b, w->l, w->local[d->slot] ? "    t%d = y%d;\n" : "    {Ft%d = y%d;\n", d->slot, y);
        w->local[d->slot] = 1;
    } else {
        w->failed = 1;
    }
}

static inline shader_walk *shader_walk_pass(const shader_words *l, const shader_of *of, const dk_pass *pass) {
    shader_walk *w = (shader_walk *)calloc(1, sizeof *w);
    if (!w) return NULL;
    w->of = of, w->l = l;
    for (int k = 0; k < pass->count; k++) shader_row(w, &of->plan->row[pass->first + k], k);
    for (int k = 0; k < w->slots; k++)
        if (w->written[k]) shader_say(&w->body, l, "    v[p.a%d * p.size + i] = b%d;\n", k, k);
    if (w->scalars == 256 || SHADER_FIXED + w->slots + w->draws + w->scalars + w->count > SHADER_WORDS) w->failed = 1;
    return w;
}

static inline void shader_free(shader_walk *w) {
    if (w) free(w->body.p);
    free(w);
}

static inline void shader_members(shader_string *s, const char *format, const char *name, int n) {
    for (int k = 0; k < n; k++) {
        char member[16], line[64];
        snprintf(member, sizeof member, name, k);
        int length = snprintf(line, sizeof line, format, member);
        shader_append(s, line, (size_t)length);
    }
}

/* What stands in front: vectors, and a block with so many slots, draws, norms less 1, and coefficients. */
static inline void shader_open(shader_string *s, const shader_words *l, int slots, int draws, int scalars, int coefficients) {
    static const char *const fixed[SHADER_FIXED] = {"size", "dim", "batch", "seed_low", "seed_high", "first_low", "first_high"};
    shader_append(s, l->head, strlen(l->head));
    shader_append(s, l->block, strlen(l->block));
    for (int k = 0; k < SHADER_FIXED; k++) shader_members(s, l->member_uint, fixed[k], 1);
    shader_members(s, l->member_uint, "a%d", slots);
    shader_members(s, l->member_uint, "z%d", draws);
    shader_members(s, l->member_uint, "n%d", scalars);
    shader_members(s, l->member_float, "c%d", coefficients);
    shader_append(s, l->block_end, strlen(l->block_end));
}

/* The kernel of a pass, to be freed; NULL: no memory, or a pass that cannot be said (16 bits; more than SHADER_WORDS words). */
static inline char *shader_text(shader_language language, const shader_of *of, const dk_pass *pass) {
    const shader_words *l = &shader_table[language];
    shader_string s = {NULL, 0, 0, 0};
    shader_walk *w = shader_walk_pass(l, of, pass);
    if (!w) return NULL;
    shader_open(&s, l, w->slots, w->draws, w->scalars, w->count);
    if (w->scalars) shader_append(&s, l->scalars, strlen(l->scalars));
    shader_translate(&s, l, l->muladd);
    if (w->draws) {
        shader_translate(&s, l, l->mulhi);
        shader_translate(&s, l, l->normal);
        shader_translate(&s, l, shader_normal);
    }
    const char *open = w->scalars && l->open_scalars ? l->open_scalars : l->open;
    shader_append(&s, open, strlen(open));
    if (w->draws || w->scalars) shader_say(&s, l, "    {Unumber = i / p.dim;\n");
    if (w->draws)
        shader_say(&s, l, "    {Ulow = p.first_low + number;\n    {Uhigh = p.first_high;\n    if (low < number) { high = high + 1u; }\n");
    if (w->body.p) shader_append(&s, w->body.p, w->body.length);
    shader_append(&s, l->close, strlen(l->close));
    if (w->failed || w->body.failed || s.failed) free(s.p), s.p = NULL;
    shader_free(w);
    return s.p;
}

/* How many words of each kind a pass's block has behind its SHADER_FIXED first ones, in this order. */
typedef struct shader_counts {
    int slots, draws, scalars, coefficients;
} shader_counts;

static inline shader_counts shader_count(const shader_of *of, const dk_pass *pass) {
    shader_walk *w = shader_walk_pass(&shader_table[SHADER_C], of, pass);
    shader_counts n = {0, 0, 0, 0};
    if (w) n.slots = w->slots, n.draws = w->draws, n.scalars = w->scalars, n.coefficients = w->count;
    shader_free(w);
    return n;
}

/* The words that every block begins with; how many. */
static inline int shader_fixed(const shader_of *of, uint32_t *word) {
    const dk_config *c = of->config;
    int batch = c->batch > 0 ? c->batch : 1;
    const uint32_t fixed[SHADER_FIXED] = {(uint32_t)(c->dim * (size_t)batch), (uint32_t)c->dim, (uint32_t)batch, (uint32_t)c->seed,
                                          (uint32_t)(c->seed >> 32), (uint32_t)c->first_sample, (uint32_t)(c->first_sample >> 32)};
    memcpy(word, fixed, sizeof fixed);
    return SHADER_FIXED;
}

/* The words of a pass's block, floats as their bits; how many, 0 if there is no room or the pass cannot be said. */
static inline int shader_block(const shader_of *of, const dk_pass *pass, uint32_t *word, int room) {
    int n = 0;
    shader_walk *w = shader_walk_pass(&shader_table[SHADER_C], of, pass);
    if (!w) return 0;
    if (!w->failed && SHADER_FIXED + w->slots + w->draws + w->scalars + w->count <= room) {
        n = shader_fixed(of, word);
        for (int k = 0; k < w->slots; k++) word[n++] = (uint32_t)w->slot[k];
        for (int k = 0; k < w->draws; k++) word[n++] = (uint32_t)w->draw[k];
        for (int k = 0; k < w->scalars; k++) word[n++] = (uint32_t)w->scalar[k] - 1;
        memcpy(word + n, w->c, (size_t)w->count * sizeof w->c[0]);
        n += w->count;
    }
    shader_free(w);
    return n;
}

/* The kernel of a norm, which depends on its kind alone; to be freed. NULL: no memory. */
static inline char *shader_norm_text(shader_language language, const dk_norm *norm) {
    const shader_words *l = &shader_table[language];
    const char *const *text = shader_norms[norm->kind];
    shader_string s = {NULL, 0, 0, 0};
    shader_open(&s, l, 4, 0, 1, 4);
    shader_append(&s, l->norms, strlen(l->norms));
    shader_append(&s, l->open_norm, strlen(l->open_norm));
    shader_translate(&s, l, text[0]);
    shader_translate(&s, l, shader_sums);
    shader_translate(&s, l, text[1]);
    shader_translate(&s, l, shader_tree);
    shader_translate(&s, l, text[2]);
    shader_translate(&s, l, "    {P\n        if (lane == 0u) { s[p.n0 * p.batch + number] = y; }\n    {S\n");
    shader_append(&s, l->close, strlen(l->close));
    if (s.failed) free(s.p), s.p = NULL;
    return s.p;
}

/* Its block, SHADER_FIXED + 9 words: slots of a, b, p and q; its number; then atol, rtol, limit and share. For errors limit says whether
   there is b. A quantile has instead of the others' atol, rtol and share its two neighbours in order of size, and the way between them. */
static inline int shader_norm_block(const shader_of *of, const dk_norm *norm, uint32_t *word) {
    const int value[4] = {norm->a, norm->b, norm->p, norm->q};
    float c[4] = {(float)norm->atol, (float)norm->rtol, (float)norm->limit, (float)norm->share};
    int n = shader_fixed(of, word);
    if (norm->kind == DK_NORM_ERROR_SUM || norm->kind == DK_NORM_ERROR_MAX) c[2] = norm->b >= 0;
    if (norm->kind == DK_NORM_QUANTILE) {
        double last = (double)(of->config->dim - 1), place = norm->share * last, rank = (double)(size_t)place;
        c[0] = (float)rank, c[1] = (float)(rank < last ? rank + 1 : last), c[3] = (float)(place - rank);
    }
    for (int k = 0; k < 4; k++) word[n++] = (uint32_t)of->plan->value[value[k] >= 0 ? value[k] : norm->a].slot;
    word[n++] = (uint32_t)(norm - of->plan->norm);
    memcpy(word + n, c, sizeof c);
    return n + 4;
}

/* Groups to be dispatched in x and y. */
static inline void shader_groups(size_t size, unsigned *x, unsigned *y) {
    size_t row = SHADER_ROW / SHADER_GROUP, groups = (size + SHADER_GROUP - 1) / SHADER_GROUP;
    *x = (unsigned)(groups < row ? groups : row), *y = (unsigned)((groups + row - 1) / row);
}

#endif
