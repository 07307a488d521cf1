/* opencv.cpp: a network that OpenCV's dnn module runs, from an ONNX file, behind diffkit's denoiser callback.

       make host-opencv   or: build/host_opencv build/digits.onnx [COUNT], from the project's root

   The host is the struct and host_denoise. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include <opencv2/dnn.hpp>

#include "host.h"

struct host {
    cv::dnn::Net net;
};

/* OpenCV's ONNX importer fixes the batch size, here at 1. Mat's constructors take memory that they will not write to
   as non-const; nothing is copied on the way in. */
static void host_forward(host *h, const dk_real *input, double t, int label, dk_real *output, size_t dim) {
    const int shape[] = {1, 1, UNET_SIZE, UNET_SIZE};
    float c_noise = (float)t, one_hot[UNET_CLASSES + 1] = {};
    one_hot[label] = 1;
    h->net.setInput(cv::Mat(4, shape, CV_32F, const_cast<dk_real *>(input)), "image");
    h->net.setInput(cv::Mat(1, 1, CV_32F, &c_noise), "c_noise");
    h->net.setInput(cv::Mat(1, UNET_CLASSES + 1, CV_32F, one_hot), "one_hot");
    cv::Mat F = h->net.forward();
    memcpy(output, F.ptr<float>(), dim * sizeof *output);
}

/* The dk_denoise_fn. An exception must not cross the library, which is C: it becomes a nonzero result. */
static int host_denoise(void *user, const dk_eval *e) {
    host *h = static_cast<host *>(user);
    try {
        for (int b = 0; b < e->batch; b++) {
            size_t at = (size_t)b * e->dim;
            host_forward(h, e->input + at, e->t, host_label(e, b), e->output + at, e->dim);
        }
    } catch (const std::exception &error) {
        fprintf(stderr, "opencv: %s\n", error.what());
        return 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2) return fprintf(stderr, "usage: host_opencv digits.onnx [COUNT]\n"), 2;
    host h;
    try {
        h.net = cv::dnn::readNetFromONNX(argv[1]);
    } catch (const std::exception &error) {
        fprintf(stderr, "opencv: %s\n", error.what());
        return 1;
    }
    return host_compare(argv[0], host_denoise, &h, argc > 2 ? atoi(argv[2]) : 80);
}
