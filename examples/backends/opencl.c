/* opencl.c: a back end on OpenCL. The vectors of a run stay on the device, where kernels that examples/shader.h makes of the plan
   work on them; noise is made there, too. The digits network runs on this machine and is given what it reads: put your own
   in the place of program.h's, on the buffer that device_run.v is.

       make backend-opencl

   What it leaves to the library: the search for NaN, by get. Needs OpenCL 1.2, and DK_REAL float. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include "../shader.h"
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

enum { KERNELS = 256 };

/* The device, for any number of runs. */
static struct {
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
    char name[256];
    char *text[KERNELS]; /* of kernels that have been compiled */
    cl_kernel kernel[KERNELS];
    int kernels;
} device;

/* What a run has there. */
typedef struct device_run {
    cl_mem v;
    size_t bytes; /* of a vector */
} device_run;

/* Why there is none, or NULL. */
static const char *device_open(void) {
    cl_platform_id platform[8];
    cl_uint platforms = 0;
    cl_int failed = clGetPlatformIDs(8, platform, &platforms);
    if (failed || !platforms) return "no OpenCL driver is installed (pocl-opencl-icd, e.g.)";
    for (cl_uint k = 0; k < platforms && !device.device; k++) clGetDeviceIDs(platform[k], CL_DEVICE_TYPE_ALL, 1, &device.device, NULL);
    if (!device.device) return "OpenCL has no device";
    clGetDeviceInfo(device.device, CL_DEVICE_NAME, sizeof device.name, device.name, NULL);
    device.context = clCreateContext(NULL, 1, &device.device, NULL, NULL, &failed);
    if (!failed) device.queue = clCreateCommandQueue(device.context, device.device, 0, &failed);
    return failed ? "OpenCL makes no context" : NULL;
}

static void device_close(void) {
    for (int k = 0; k < device.kernels; k++) clReleaseKernel(device.kernel[k]), free(device.text[k]);
    clReleaseCommandQueue(device.queue), clReleaseContext(device.context);
}

/* Compiles what it has not seen yet. Takes the text; NULL: it cannot be. */
static cl_kernel device_kernel(char *text) {
    cl_int failed = 1;
    for (int k = 0; text && k < device.kernels; k++)
        if (strcmp(device.text[k], text) == 0) return free(text), device.kernel[k];
    if (!text || device.kernels == KERNELS) return free(text), NULL;
    const char *const source = text;
    cl_program program = clCreateProgramWithSource(device.context, 1, (const char **)(uintptr_t)&source, NULL, &failed);
    cl_kernel kernel = NULL;
    if (!failed && !clBuildProgram(program, 1, &device.device, "-cl-fp32-correctly-rounded-divide-sqrt", NULL, NULL))
        kernel = clCreateKernel(program, "run", &failed);
    clReleaseProgram(program);
    if (!kernel) return free(text), NULL;
    device.text[device.kernels] = text, device.kernel[device.kernels++] = kernel;
    return kernel;
}

static int device_copy(dk_run *run, int slot, void *to, const void *from) {
    const device_run *d = (const device_run *)run->device;
    size_t at = (size_t)slot * d->bytes;
    return to ? clEnqueueReadBuffer(device.queue, d->v, CL_TRUE, at, d->bytes, to, 0, NULL, NULL)
              : clEnqueueWriteBuffer(device.queue, d->v, CL_TRUE, at, d->bytes, from, 0, NULL, NULL);
}

static int device_begin(void *user, dk_run *run) {
    const shader_of of = shader_of_run(run);
    device_run *d = (device_run *)calloc(1, sizeof *d);
    cl_int failed = 0;
    (void)user;
    if (!d || sizeof(dk_real) != sizeof(float) || of.plan->number) return free(d), 1;
    d->bytes = run->size * sizeof(float), run->device = d;
    d->v = clCreateBuffer(device.context, CL_MEM_READ_WRITE, (size_t)shader_slots(&of) * d->bytes, NULL, &failed);
    if (!failed && run->x) failed = device_copy(run, 0, NULL, run->x);
    for (int k = 0; !failed && run->config.mask && k < 2; k++)
        failed = device_copy(run, 1 + of.plan->buffers + k, NULL, k ? run->config.mask : run->config.known);
    if (failed) clReleaseMemObject(d->v), free(d);
    return failed != 0;
}

static void device_end(void *user, dk_run *run) {
    device_run *d = (device_run *)run->device;
    (void)user;
    clReleaseMemObject(d->v);
    free(d);
}

/* A buffer that its kernel has alone: so nothing waits. */
static cl_mem device_constant(const void *from, size_t bytes) {
    return clCreateBuffer(device.context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, bytes, (void *)(uintptr_t)from, NULL);
}

static int device_rows(void *user, dk_run *run, const dk_pass *pass) {
    const device_run *d = (const device_run *)run->device;
    const shader_of of = shader_of_run(run);
    uint32_t block[SHADER_WORDS];
    int words = shader_block(&of, pass, block, SHADER_WORDS), brought = 0, failed = 0;
    unsigned x, y;
    (void)user;
    if (pass->count == 0) return 0;
    for (int k = pass->first; !failed && k < pass->first + pass->count; k++) {
        int draw = of.plan->row[k].draw;
        if (draw < 0 || shader_makes(&of, draw)) continue;
        float *z = (float *)malloc(d->bytes);
        failed = !z || dk_run_noise(run, draw, (dk_real *)(void *)z) || device_copy(run, shader_noise_slot(&of, brought++), NULL, z);
        free(z);
    }
    cl_kernel kernel = device_kernel(shader_text(SHADER_OPENCL, &of, pass));
    if (failed || !words || !kernel) return 1;
    size_t numbers = (size_t)of.plan->norms * (size_t)run->config.batch;
    float *s = (float *)malloc((numbers + 1) * sizeof *s);
    if (!s) return 1;
    for (size_t k = 0; k < numbers; k++) s[k] = (float)run->scalars[k];
    cl_mem p = device_constant(block, (size_t)words * 4), scalars = device_constant(s, (numbers + 1) * sizeof *s);
    free(s);
    shader_groups(run->size, &x, &y);
    const size_t all[2] = {(size_t)x * SHADER_GROUP, y}, group[2] = {SHADER_GROUP, 1};
    failed = clSetKernelArg(kernel, 0, sizeof d->v, &d->v) | clSetKernelArg(kernel, 1, sizeof p, &p);
    cl_uint arguments = 0;
    clGetKernelInfo(kernel, CL_KERNEL_NUM_ARGS, sizeof arguments, &arguments, NULL);
    if (arguments > 2) failed |= clSetKernelArg(kernel, 2, sizeof scalars, &scalars);
    failed = failed || clEnqueueNDRangeKernel(device.queue, kernel, 2, NULL, all, group, 0, NULL, NULL);
    clReleaseMemObject(p), clReleaseMemObject(scalars);
    return failed;
}

/* A norm is made on the device; its numbers, one for each sample, come here, where the coefficients of rows are made. */
static int device_norm(void *user, dk_run *run, const dk_norm *norm, double *of_sample) {
    const device_run *d = (const device_run *)run->device;
    const shader_of of = shader_of_run(run);
    uint32_t block[SHADER_WORDS];
    size_t batch = (size_t)run->config.batch, at = (size_t)(of_sample - run->scalars), bytes = (at + batch) * sizeof(float);
    const size_t all = batch * SHADER_LANES, group = SHADER_LANES;
    cl_int failed = 0;
    (void)user;
    cl_kernel kernel = device_kernel(shader_norm_text(SHADER_OPENCL, norm));
    float *s = (float *)malloc(bytes);
    if (!s || !kernel) return free(s), 1;
    cl_mem p = device_constant(block, (size_t)shader_norm_block(&of, norm, block) * 4);
    cl_mem scalars = clCreateBuffer(device.context, CL_MEM_WRITE_ONLY, bytes, NULL, &failed);
    failed = failed || clSetKernelArg(kernel, 0, sizeof d->v, &d->v) || clSetKernelArg(kernel, 1, sizeof p, &p) ||
             clSetKernelArg(kernel, 2, sizeof scalars, &scalars) ||
             clEnqueueNDRangeKernel(device.queue, kernel, 1, NULL, &all, &group, 0, NULL, NULL) ||
             clEnqueueReadBuffer(device.queue, scalars, CL_TRUE, 0, bytes, s, 0, NULL, NULL);
    for (size_t b = 0; !failed && b < batch; b++) of_sample[b] = (double)s[at + b];
    clReleaseMemObject(p), clReleaseMemObject(scalars);
    free(s);
    return failed != 0;
}

#include "program.h"
