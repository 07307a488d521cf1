/* vulkan.c: a back end on Vulkan. The vectors of a run stay on the device, where kernels that examples/shader.h makes of the plan
   work on them; noise is made there, too. Passes are recorded into a command buffer, which is handed over when somebody
   wants to see a vector. The digits network runs on this machine: put your own in the place of program.h's, on the buffer
   that device_run.v is, and record it into device_run.commands.

       make backend-vulkan

   What it leaves to the library: the search for NaN, by get. GLSL is compiled by glslangValidator, which must be
   installed; an engine would do that beforehand (diffkit shader). Needs Vulkan 1.0, and DK_REAL float. */
#define _POSIX_C_SOURCE 200809L
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include "../shader.h"
#include <unistd.h>
#include <vulkan/vulkan.h>

enum { KERNELS = 256, DISPATCHES = 64, BLOCK = 4 * SHADER_WORDS, BINDINGS = 3 };

/* The device, for any number of runs. */
static struct {
    VkInstance instance;
    VkPhysicalDevice physical;
    VkDevice device;
    VkQueue queue;
    uint32_t family;
    VkPhysicalDeviceMemoryProperties memory;
    VkCommandPool commands;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    char name[256];
    char *text[KERNELS]; /* of kernels that have been compiled */
    VkPipeline kernel[KERNELS];
    int kernels;
} device;

typedef struct device_buffer {
    VkBuffer buffer;
    VkDeviceMemory memory;
    void *at; /* where this machine sees it, or NULL */
} device_buffer;

/* What a run has there. */
typedef struct device_run {
    device_buffer v, blocks, scalars, staging; /* vectors; a block for each dispatch; norms for each dispatch; a vector on its way */
    size_t bytes, norms;                       /* of a vector; of all norms, in whole steps of what offsets may be */
    VkDescriptorPool pool;
    VkDescriptorSet set;
    VkCommandBuffer commands;
    VkFence done;
    int dispatches; /* in commands; -1: not begun */
} device_run;

static const char *device_open(void) {
    const VkApplicationInfo application = {VK_STRUCTURE_TYPE_APPLICATION_INFO, NULL, "diffkit", 1, NULL, 0, VK_API_VERSION_1_0};
    const VkInstanceCreateInfo instance = {VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, NULL, 0, &application, 0, NULL, 0, NULL};
    const float priority = 1;
    VkPhysicalDeviceProperties properties;
    VkQueueFamilyProperties family[16];
    uint32_t count = 1, families = 16;
    if (system("glslangValidator --version >/dev/null 2>&1")) return "glslangValidator is missing (glslang-tools, e.g.)";
    if (vkCreateInstance(&instance, NULL, &device.instance)) return "no Vulkan driver is installed (mesa-vulkan-drivers, e.g.)";
    if (vkEnumeratePhysicalDevices(device.instance, &count, &device.physical) < 0 || !count) return "Vulkan has no device";
    vkGetPhysicalDeviceProperties(device.physical, &properties);
    vkGetPhysicalDeviceMemoryProperties(device.physical, &device.memory);
    vkGetPhysicalDeviceQueueFamilyProperties(device.physical, &families, family);
    snprintf(device.name, sizeof device.name, "%s", properties.deviceName);
    while (device.family < families && !(family[device.family].queueFlags & VK_QUEUE_COMPUTE_BIT)) device.family++;
    if (device.family == families) return "the Vulkan device does not compute";
    const VkDeviceQueueCreateInfo queue = {VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO, NULL, 0, device.family, 1, &priority};
    const VkDeviceCreateInfo create = {VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO, NULL, 0, 1, &queue, 0, NULL, 0, NULL, NULL};
    const VkCommandPoolCreateInfo commands = {VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO, NULL,
                                              VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT, device.family};
    const VkDescriptorSetLayoutBinding binding[BINDINGS] = {
        {0, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_COMPUTE_BIT, NULL},
        {1, VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER_DYNAMIC, 1, VK_SHADER_STAGE_COMPUTE_BIT, NULL},
        {2, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER_DYNAMIC, 1, VK_SHADER_STAGE_COMPUTE_BIT, NULL}};
    const VkDescriptorSetLayoutCreateInfo set = {VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO, NULL, 0, BINDINGS, binding};
    if (vkCreateDevice(device.physical, &create, NULL, &device.device) ||
        vkCreateCommandPool(device.device, &commands, NULL, &device.commands) ||
        vkCreateDescriptorSetLayout(device.device, &set, NULL, &device.set_layout))
        return "Vulkan makes no device";
    const VkPipelineLayoutCreateInfo layout = {VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO, NULL, 0, 1, &device.set_layout, 0, NULL};
    if (vkCreatePipelineLayout(device.device, &layout, NULL, &device.layout)) return "Vulkan makes no device";
    vkGetDeviceQueue(device.device, device.family, 0, &device.queue);
    return NULL;
}

static void device_close(void) {
    for (int k = 0; k < device.kernels; k++) vkDestroyPipeline(device.device, device.kernel[k], NULL), free(device.text[k]);
    vkDestroyPipelineLayout(device.device, device.layout, NULL);
    vkDestroyDescriptorSetLayout(device.device, device.set_layout, NULL);
    vkDestroyCommandPool(device.device, device.commands, NULL);
    vkDestroyDevice(device.device, NULL);
    vkDestroyInstance(device.instance, NULL);
}

/* SPIR-V of GLSL, to be freed; NULL: it is none. */
static uint32_t *device_compile(const char *text, size_t *bytes) {
    char path[] = "/tmp/diffkit-XXXXXX", command[128];
    int file = mkstemp(path);
    uint32_t *code = NULL;
    if (file < 0) return NULL;
    close(file);
    snprintf(command, sizeof command, "glslangValidator -V --stdin -S comp -o %s >/dev/null", path);
    FILE *pipe = popen(command, "w");
    if (pipe) fputs(text, pipe);
    if (pipe && pclose(pipe) == 0) {
        FILE *in = fopen(path, "rb");
        code = in ? (uint32_t *)malloc(1 << 20) : NULL;
        *bytes = code ? fread(code, 1, 1 << 20, in) : 0;
        if (in) fclose(in);
    }
    remove(path);
    return code;
}

/* Compiles what it has not seen yet. Takes the text; 0: it cannot be. */
static VkPipeline device_kernel(char *text) {
    size_t bytes;
    VkShaderModule module;
    for (int k = 0; text && k < device.kernels; k++)
        if (strcmp(device.text[k], text) == 0) return free(text), device.kernel[k];
    uint32_t *code = text && device.kernels < KERNELS ? device_compile(text, &bytes) : NULL;
    if (!code) return free(text), (VkPipeline)0;
    const VkShaderModuleCreateInfo create = {VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, NULL, 0, bytes, code};
    int failed = vkCreateShaderModule(device.device, &create, NULL, &module) != VK_SUCCESS;
    free(code);
    if (failed) return free(text), (VkPipeline)0;
    VkPipelineShaderStageCreateInfo stage = {
        VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO, NULL, 0, VK_SHADER_STAGE_COMPUTE_BIT, module, "main", NULL};
    const VkComputePipelineCreateInfo pipeline = {VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO, NULL, 0, stage, device.layout, 0, 0};
    failed = vkCreateComputePipelines(device.device, 0, 1, &pipeline, NULL, &device.kernel[device.kernels]) != VK_SUCCESS;
    vkDestroyShaderModule(device.device, module, NULL);
    if (failed) return free(text), (VkPipeline)0;
    device.text[device.kernels] = text;
    return device.kernel[device.kernels++];
}

/* ------------------------------------------------------------------------------------------ memory */

static void device_free(device_buffer *b) {
    vkDestroyBuffer(device.device, b->buffer, NULL);
    vkFreeMemory(device.device, b->memory, NULL);
}

static int device_allocate(device_buffer *b, size_t bytes, VkBufferUsageFlags usage, VkMemoryPropertyFlags want) {
    const VkBufferCreateInfo create = {
        VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, NULL, 0, bytes, usage | VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
        VK_SHARING_MODE_EXCLUSIVE, 0, NULL};
    VkMemoryRequirements need;
    uint32_t k = 0;
    if (vkCreateBuffer(device.device, &create, NULL, &b->buffer)) return 1;
    vkGetBufferMemoryRequirements(device.device, b->buffer, &need);
    while (k < device.memory.memoryTypeCount &&
           !(need.memoryTypeBits >> k & 1 && (device.memory.memoryTypes[k].propertyFlags & want) == want))
        k++;
    const VkMemoryAllocateInfo allocate = {VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, NULL, need.size, k};
    if (k == device.memory.memoryTypeCount || vkAllocateMemory(device.device, &allocate, NULL, &b->memory) ||
        vkBindBufferMemory(device.device, b->buffer, b->memory, 0))
        return 1;
    return want & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT ? vkMapMemory(device.device, b->memory, 0, bytes, 0, &b->at) != VK_SUCCESS : 0;
}

/* ---------------------------------------------------------------------------------------- commands */

/* Commands that follow see what those before have written. */
static void device_barrier(const device_run *d) {
    const VkPipelineStageFlags stages = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT | VK_PIPELINE_STAGE_HOST_BIT;
    const VkMemoryBarrier all = {VK_STRUCTURE_TYPE_MEMORY_BARRIER, NULL, VK_ACCESS_MEMORY_WRITE_BIT,
                                 VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT};
    vkCmdPipelineBarrier(d->commands, stages, stages, 0, 1, &all, 0, NULL, 0, NULL);
}

static int device_record(device_run *d) {
    const VkCommandBufferBeginInfo begin = {VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO, NULL,
                                            VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT, NULL};
    if (d->dispatches >= 0) return 0;
    d->dispatches = 0;
    return vkBeginCommandBuffer(d->commands, &begin) != VK_SUCCESS;
}

/* Hands over what is recorded, and waits. */
static int device_wait(device_run *d) {
    const VkSubmitInfo submit = {VK_STRUCTURE_TYPE_SUBMIT_INFO, NULL, 0, NULL, NULL, 1, &d->commands, 0, NULL};
    if (d->dispatches < 0) return 0;
    d->dispatches = -1;
    return vkEndCommandBuffer(d->commands) || vkQueueSubmit(device.queue, 1, &submit, d->done) ||
           vkWaitForFences(device.device, 1, &d->done, VK_TRUE, UINT64_MAX) || vkResetFences(device.device, 1, &d->done);
}

static int device_copy(dk_run *run, int slot, void *to, const void *from) {
    device_run *d = (device_run *)run->device;
    const VkBufferCopy out = {(size_t)slot * d->bytes, 0, d->bytes}, in = {0, (size_t)slot * d->bytes, d->bytes};
    if (from && device_wait(d)) return 1; /* the staging buffer may be in use */
    if (from) memcpy(d->staging.at, from, d->bytes);
    if (device_record(d)) return 1;
    device_barrier(d);
    if (from) vkCmdCopyBuffer(d->commands, d->staging.buffer, d->v.buffer, 1, &in);
    else vkCmdCopyBuffer(d->commands, d->v.buffer, d->staging.buffer, 1, &out);
    device_barrier(d);
    if (to && device_wait(d)) return 1;
    if (to) memcpy(to, d->staging.at, d->bytes);
    return 0;
}

/* --------------------------------------------------------------------------------------- dk_backend */

static void device_end(void *user, dk_run *run) {
    device_run *d = (device_run *)run->device;
    (void)user;
    device_wait(d);
    device_free(&d->v), device_free(&d->blocks), device_free(&d->scalars), device_free(&d->staging);
    vkDestroyDescriptorPool(device.device, d->pool, NULL);
    vkDestroyFence(device.device, d->done, NULL);
    vkFreeCommandBuffers(device.device, device.commands, 1, &d->commands);
    free(d);
}

static int device_begin(void *user, dk_run *run) {
    const VkMemoryPropertyFlags here = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    const shader_of of = shader_of_run(run);
    device_run *d = (device_run *)calloc(1, sizeof *d);
    if (!d || sizeof(dk_real) != sizeof(float) || of.plan->number) return free(d), 1;
    int norms = of.plan->attempt ? 2 : of.plan->norms;
    size_t all = (size_t)shader_slots(&of) * run->size * sizeof(float);
    d->bytes = run->size * sizeof(float), d->dispatches = -1;
    d->norms = ((size_t)norms * (size_t)run->config.batch * sizeof(float) / 256 + 1) * 256;
    const VkCommandBufferAllocateInfo commands = {VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO, NULL, device.commands,
                                                  VK_COMMAND_BUFFER_LEVEL_PRIMARY, 1};
    const VkFenceCreateInfo fence = {VK_STRUCTURE_TYPE_FENCE_CREATE_INFO, NULL, 0};
    const VkDescriptorPoolSize sizes[BINDINGS] = {{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1}, {VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER_DYNAMIC, 1},
                                                  {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER_DYNAMIC, 1}};
    const VkDescriptorPoolCreateInfo pool = {VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO, NULL, 0, 1, BINDINGS, sizes};
    run->device = d;
    int failed = device_allocate(&d->v, all, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT) ||
                 device_allocate(&d->blocks, DISPATCHES * BLOCK, VK_BUFFER_USAGE_UNIFORM_BUFFER_BIT, here) ||
                 device_allocate(&d->scalars, DISPATCHES * d->norms, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, here) ||
                 device_allocate(&d->staging, d->bytes, 0, here) || vkCreateFence(device.device, &fence, NULL, &d->done) ||
                 vkAllocateCommandBuffers(device.device, &commands, &d->commands) ||
                 vkCreateDescriptorPool(device.device, &pool, NULL, &d->pool);
    if (!failed) {
        const VkDescriptorSetAllocateInfo set = {VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO, NULL, d->pool, 1, &device.set_layout};
        const VkDescriptorBufferInfo info[BINDINGS] = {
            {d->v.buffer, 0, VK_WHOLE_SIZE}, {d->blocks.buffer, 0, BLOCK}, {d->scalars.buffer, 0, d->norms}};
        failed = vkAllocateDescriptorSets(device.device, &set, &d->set) != VK_SUCCESS;
        for (uint32_t k = 0; !failed && k < BINDINGS; k++) {
            const VkWriteDescriptorSet write = {
                VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET, NULL, d->set, k, 0, 1, sizes[k].type, NULL, &info[k], NULL};
            vkUpdateDescriptorSets(device.device, 1, &write, 0, NULL);
        }
    }
    if (!failed && run->x) failed = device_copy(run, 0, NULL, run->x);
    for (int k = 0; !failed && run->config.mask && k < 2; k++)
        failed = device_copy(run, 1 + of.plan->buffers + k, NULL, k ? run->config.mask : run->config.known);
    if (failed) device_end(user, run);
    return failed;
}

/* Where the block and the norms of the next dispatch are. */
static int device_next(device_run *d, uint32_t at[2], uint32_t **block, float **s) {
    if ((d->dispatches == DISPATCHES && device_wait(d)) || device_record(d)) return 1;
    at[0] = (uint32_t)d->dispatches * BLOCK, at[1] = (uint32_t)(d->dispatches * (int)d->norms);
    *block = (uint32_t *)(void *)((char *)d->blocks.at + at[0]), *s = (float *)(void *)((char *)d->scalars.at + at[1]);
    return 0;
}

static void device_dispatch(device_run *d, VkPipeline kernel, const uint32_t at[2], unsigned x, unsigned y) {
    device_barrier(d);
    vkCmdBindPipeline(d->commands, VK_PIPELINE_BIND_POINT_COMPUTE, kernel);
    vkCmdBindDescriptorSets(d->commands, VK_PIPELINE_BIND_POINT_COMPUTE, device.layout, 0, 1, &d->set, 2, at);
    vkCmdDispatch(d->commands, x, y, 1);
    d->dispatches++;
}

static int device_rows(void *user, dk_run *run, const dk_pass *pass) {
    device_run *d = (device_run *)run->device;
    const shader_of of = shader_of_run(run);
    uint32_t at[2], *block;
    int brought = 0;
    float *s;
    unsigned x, y;
    (void)user;
    if (pass->count == 0) return 0;
    for (int k = pass->first; k < pass->first + pass->count; k++) {
        int draw = of.plan->row[k].draw;
        if (draw < 0 || shader_makes(&of, draw)) continue;
        float *z = (float *)malloc(d->bytes);
        int failed = !z || dk_run_noise(run, draw, (dk_real *)(void *)z) || device_copy(run, shader_noise_slot(&of, brought++), NULL, z);
        free(z);
        if (failed) return 1;
    }
    VkPipeline kernel = device_kernel(shader_text(SHADER_GLSL, &of, pass));
    if (!kernel || device_next(d, at, &block, &s) || !shader_block(&of, pass, block, SHADER_WORDS)) return 1;
    for (int k = 0; k < of.plan->norms * run->config.batch; k++) s[k] = (float)run->scalars[k];
    shader_groups(run->size, &x, &y);
    device_dispatch(d, kernel, at, x, y);
    return 0;
}

/* A norm is made on the device; its numbers, one for each sample, come here, where the coefficients of rows are made. */
static int device_norm(void *user, dk_run *run, const dk_norm *norm, double *of_sample) {
    device_run *d = (device_run *)run->device;
    const shader_of of = shader_of_run(run);
    VkPipeline kernel = device_kernel(shader_norm_text(SHADER_GLSL, norm));
    uint32_t at[2], *block;
    float *s;
    (void)user;
    if (!kernel || device_next(d, at, &block, &s)) return 1;
    shader_norm_block(&of, norm, block);
    device_dispatch(d, kernel, at, (unsigned)run->config.batch, 1);
    device_barrier(d);
    if (device_wait(d)) return 1;
    for (int b = 0; b < run->config.batch; b++) of_sample[b] = (double)s[of_sample - run->scalars + b];
    return 0;
}

#include "program.h"
