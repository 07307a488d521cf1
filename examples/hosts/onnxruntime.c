/* onnxruntime.c: a network that ONNX Runtime runs, by its C API, from an ONNX file, behind diffkit's denoiser callback.

       make host-onnxruntime   or: build/host_onnxruntime build/digits.onnx [COUNT], from the project's root

   The host is the struct and the three functions behind it. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include <onnxruntime_c_api.h>

#include "host.h"

typedef struct host {
    const OrtApi *ort;
    OrtSession *session;
    OrtMemoryInfo *here; /* this machine's memory */
} host;

/* Every call of the C API gives NULL, or what went wrong. */
static int host_fails(const host *h, OrtStatus *status) {
    if (!status) return 0;
    fprintf(stderr, "onnxruntime: %s\n", h->ort->GetErrorMessage(status));
    h->ort->ReleaseStatus(status);
    return 1;
}

/* The file's batch size is fixed, at 1. Tensors lie where our numbers do, the output's, too: nothing is copied. CreateTensor...
   takes memory that is only read as non-const. */
static int host_forward(const host *h, const dk_real *input, double t, int label, dk_real *output) {
    static const char *const names[] = {"image", "c_noise", "one_hot", "F"};
    static const int64_t shape[4][4] = {{1, 1, UNET_SIZE, UNET_SIZE}, {1, 1}, {1, UNET_CLASSES + 1}, {1, 1, UNET_SIZE, UNET_SIZE}};
    static const size_t dimensions[] = {4, 2, 2, 4}, size[] = {UNET_PIXELS, 1, UNET_CLASSES + 1, UNET_PIXELS};
    float c_noise = (float)t, one_hot[UNET_CLASSES + 1] = {0}, *data[] = {(float *)(uintptr_t)input, &c_noise, one_hot, output};
    OrtValue *tensor[4] = {NULL, NULL, NULL, NULL};
    int failed = 0;
    one_hot[label] = 1;
    for (int k = 0; k < 4; k++)
        failed |= host_fails(h, h->ort->CreateTensorWithDataAsOrtValue(h->here, data[k], size[k] * sizeof(float), shape[k], dimensions[k],
                                                                       ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &tensor[k]));
    failed = failed || host_fails(h, h->ort->Run(h->session, NULL, names, (const OrtValue *const *)tensor, 3, names + 3, 1, tensor + 3));
    for (int k = 0; k < 4; k++) h->ort->ReleaseValue(tensor[k]);
    return failed;
}

/* The dk_denoise_fn. */
static int host_denoise(void *user, const dk_eval *e) {
    for (int b = 0; b < e->batch; b++) {
        size_t at = (size_t)b * e->dim;
        if (host_forward((const host *)user, e->input + at, e->t, host_label(e, b), e->output + at)) return 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2) return fprintf(stderr, "usage: host_onnxruntime digits.onnx [COUNT]\n"), 2;
    host h = {OrtGetApiBase()->GetApi(ORT_API_VERSION), NULL, NULL};
    OrtEnv *env = NULL;
    OrtSessionOptions *options = NULL;
    if (!h.ort) return fprintf(stderr, "onnxruntime: the library is older than its header\n"), 1;
    int failed = host_fails(&h, h.ort->CreateEnv(ORT_LOGGING_LEVEL_WARNING, "diffkit", &env)) ||
                 host_fails(&h, h.ort->CreateSessionOptions(&options)) ||
                 host_fails(&h, h.ort->CreateSession(env, argv[1], options, &h.session)) ||
                 host_fails(&h, h.ort->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &h.here)) ||
                 host_compare(argv[0], host_denoise, &h, argc > 2 ? atoi(argv[2]) : 80);
    h.ort->ReleaseMemoryInfo(h.here), h.ort->ReleaseSession(h.session), h.ort->ReleaseSessionOptions(options), h.ort->ReleaseEnv(env);
    return failed;
}
