/*
 * unet.h - the forward pass of a small U-Net that has learnt to denoise handwritten digits.
 *
 * Plain C11 (also compiles as C++11), no dependencies but the C library (link with -lm).
 * The network is the one in train.py, and README.md has a picture of it. All tensors are planes of
 * floats, one plane per channel: x[channel][row][column].
 *
 * Released under the MIT licence, like the rest of the project.
 */
#ifndef DIGITS_UNET_H
#define DIGITS_UNET_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The architecture. weights.bin repeats these numbers, and a file with others is refused. */
enum {
    UNET_SIZE = 28,                       /* images are 28x28 */
    UNET_PIXELS = UNET_SIZE * UNET_SIZE,
    UNET_S0 = UNET_SIZE / 2,              /* upper level: 14x14 */
    UNET_S1 = UNET_SIZE / 4,              /* lower level: 7x7 */
    UNET_C0 = 40,                         /* channels of the upper level */
    UNET_C1 = 96,                         /* channels of the lower level */
    UNET_EMB = 128,                       /* length of the embedding of noise level and class */
    UNET_FREQS = 16,                      /* frequencies in the features of the noise level */
    UNET_CLASSES = 10,                    /* label 10 means no class */
    UNET_GROUP = 8                        /* channels per group in group norm */
};

/*
 * The input of a 3x3 convolution is stored with zeros around each plane. One zero column between
 * rows is enough: it is right of one row and left of the next. So a row takes size + 1 floats, and
 * a whole plane of output pixels is one contiguous run (whose results in the zero column are not
 * used), which compilers turn into vector code. UNET_RUN is the length of the run, rounded up to
 * whole vectors of 4; UNET_PADDED is the number of floats from which a run reads at all 9 offsets.
 */
#define UNET_RUN(size) (((size) * ((size) + 1) + 3) / 4 * 4)
#define UNET_PADDED(size) ((UNET_RUN(size) + 2 * ((size) + 1) + 2 + 3) / 4 * 4)

/* One residual block: x + conv2(silu(norm2(conv1(silu(norm1(x)))) * (1 + scale) + shift)). */
typedef struct unet_block {
    const float *norm1_weight, *norm1_bias;
    const float *conv1_weight, *conv1_bias;
    const float *emb_weight, *emb_bias;   /* linear: embedding -> scale, shift per channel */
    const float *norm2_weight, *norm2_bias;
    const float *conv2_weight, *conv2_bias;
} unet_block;

typedef struct unet {
    float *data;                          /* all weights; the pointers below point into it */
    float sigma_data;
    const float *emb1_weight, *emb1_bias, *classes, *emb2_weight, *emb2_bias;
    const float *in_weight, *in_bias;
    unet_block enc;
    const float *down_weight, *down_bias;
    unet_block mid1, mid2;
    const float *up_weight, *up_bias;
    unet_block dec;
    const float *out_norm_weight, *out_norm_bias, *out_weight, *out_bias;
} unet;

/* Everything one image needs on its way through the network. */
typedef struct unet_work {
    float emb[UNET_EMB];
    float padded0[UNET_C0 * UNET_PADDED(UNET_S0)];    /* inputs of convolutions; the zeros around */
    float padded1[UNET_C1 * UNET_PADDED(UNET_S1)];    /* the planes are never written */
    float skip[UNET_C0 * UNET_S0 * UNET_S0];
    float x0[UNET_C0 * UNET_S0 * UNET_S0];
    float h0[UNET_C0 * UNET_S0 * UNET_S0];
    float x1[UNET_C1 * UNET_S1 * UNET_S1];
    float h1[UNET_C1 * UNET_S1 * UNET_S1];
    float blocks[4 * UNET_C0 * UNET_S1 * UNET_S1];    /* the upper level, 2x2 pixels in channels */
} unet_work;

/* ------------------------------------------------------------------------------------- layers */

static inline float unet_silu(float x)
{
    return x / (1.0f + expf(-x));
}

/* out = weight * in + bias, weight stored as [n_out][n_in] */
static inline void unet_linear(const float *in, int n_in, const float *weight, const float *bias,
                               float *out, int n_out)
{
    for (int o = 0; o < n_out; o++) {
        const float *w = weight + o * n_in;
        float sum = bias[o];
        for (int i = 0; i < n_in; i++)
            sum += w[i] * in[i];
        out[o] = sum;
    }
}

/* Write planes of size x size into planes with zeros around them, as unet_conv3x3 wants them. */
static inline void unet_pad(const float *x, int channels, int size, float *padded)
{
    for (int c = 0; c < channels; c++)
        for (int y = 0; y < size; y++)
            memcpy(padded + c * UNET_PADDED(size) + (y + 1) * (size + 1) + 1,
                   x + (c * size + y) * size, (size_t)size * sizeof(float));
}

/*
 * padded = silu(norm(x) * (1 + scale) + shift): what comes before every 3x3 convolution but the
 * first. Group norm brings each group of UNET_GROUP planes to mean 0 and variance 1, then
 * multiplies by weight and adds bias. scale_shift: first all scales, then all shifts, or NULL.
 */
static inline void unet_norm_silu(const float *x, int channels, int size, const float *weight,
                                  const float *bias, const float *scale_shift, float *padded)
{
    const int pixels = size * size;
    for (int first = 0; first < channels; first += UNET_GROUP) {
        const float *group = x + first * pixels;
        double sum = 0, sum_squares = 0;
        for (int i = 0; i < UNET_GROUP * pixels; i++) {
            const double value = (double)group[i];
            sum += value;
            sum_squares += value * value;
        }
        const double mean = sum / (UNET_GROUP * pixels);
        const double variance = sum_squares / (UNET_GROUP * pixels) - mean * mean;
        const double inv_std = 1 / sqrt((variance > 0 ? variance : 0) + 1e-5);

        for (int c = first; c < first + UNET_GROUP; c++) {
            /* All of it together is one multiplication and one addition per pixel. */
            float a = (float)inv_std * weight[c];
            float b = bias[c] - (float)mean * a;
            if (scale_shift != NULL) {
                a *= 1 + scale_shift[c];
                b = b * (1 + scale_shift[c]) + scale_shift[channels + c];
            }
            for (int y = 0; y < size; y++) {
                const float *from = x + (c * size + y) * size;
                float *to = padded + c * UNET_PADDED(size) + (y + 1) * (size + 1) + 1;
                for (int i = 0; i < size; i++)
                    to[i] = unet_silu(a * from[i] + b);
            }
        }
    }
}

/*
 * 3x3 convolution, weight stored as [n_out][n_in][3][3]. `in` is padded, `out` is not; if add is
 * not 0, the result is added to what is in out. Nearly all the time goes into the innermost loop
 * here: it lets one column of the filters contribute to 4 output planes, so that every float loaded
 * is used 4 times. (With a row of the filter, p[i], p[i + 1], p[i + 2], clang 14 would carry values
 * from one i to the next, and then fail to make vector code.) n_out must be a multiple of 4.
 */
static inline void unet_conv3x3(const float *in, int n_in, int size, const float *weight,
                                const float *bias, float *out, int n_out, int add)
{
    const int stride = size + 1, run = UNET_RUN(size);
    for (int o = 0; o < n_out; o += 4) {
        float sum[4][UNET_RUN(UNET_S0)];
        for (int k = 0; k < 4; k++)
            for (int i = 0; i < run; i++)
                sum[k][i] = bias[o + k];
        for (int c = 0; c < n_in; c++) {
            for (int col = 0; col < 3; col++) {
                const float *p = in + c * UNET_PADDED(size) + col;
                const float *w0 = weight + (o * n_in + c) * 9 + col;
                const float *w1 = w0 + n_in * 9, *w2 = w1 + n_in * 9, *w3 = w2 + n_in * 9;
                const float a0 = w0[0], b0 = w0[3], c0 = w0[6], a1 = w1[0], b1 = w1[3], c1 = w1[6];
                const float a2 = w2[0], b2 = w2[3], c2 = w2[6], a3 = w3[0], b3 = w3[3], c3 = w3[6];
                for (int i = 0; i < run; i++) {
                    const float x = p[i], y = p[i + stride], z = p[i + 2 * stride];
                    sum[0][i] += a0 * x + b0 * y + c0 * z;
                    sum[1][i] += a1 * x + b1 * y + c1 * z;
                    sum[2][i] += a2 * x + b2 * y + c2 * z;
                    sum[3][i] += a3 * x + b3 * y + c3 * z;
                }
            }
        }
        for (int k = 0; k < 4; k++)
            for (int y = 0; y < size; y++) {
                float *to = out + ((o + k) * size + y) * size;
                for (int i = 0; i < size; i++)
                    to[i] = sum[k][y * stride + i] + (add ? to[i] : 0.0f);
            }
    }
}

/* 1x1 convolution at the lower level: the same linear map of the channels for every pixel. */
static inline void unet_conv1x1(const float *in, int n_in, const float *weight, const float *bias,
                                float *out, int n_out)
{
    enum { pixels = UNET_S1 * UNET_S1 };
    for (int o = 0; o < n_out; o++) {
        float sum[pixels];
        for (int i = 0; i < pixels; i++)
            sum[i] = bias[o];
        for (int c = 0; c < n_in; c++) {
            const float w = weight[o * n_in + c];
            for (int i = 0; i < pixels; i++)
                sum[i] += w * in[c * pixels + i];
        }
        memcpy(out + o * pixels, sum, sizeof sum);
    }
}

/*
 * Halve the resolution without losing anything: the pixel (2y + dy, 2x + dx) of channel c becomes
 * pixel (y, x) of channel 4c + 2dy + dx. size is that of the result.
 */
static inline void unet_to_blocks(const float *in, int channels, int size, float *out)
{
    for (int c = 0; c < 4 * channels; c++)
        for (int y = 0; y < size; y++)
            for (int x = 0; x < size; x++)
                *out++ = in[(c / 4 * 2 * size + 2 * y + c / 2 % 2) * 2 * size + 2 * x + c % 2];
}

/* The inverse of unet_to_blocks; size is that of the input. */
static inline void unet_from_blocks(const float *in, int channels, int size, float *out)
{
    for (int c = 0; c < 4 * channels; c++)
        for (int y = 0; y < size; y++)
            for (int x = 0; x < size; x++)
                out[(c / 4 * 2 * size + 2 * y + c / 2 % 2) * 2 * size + 2 * x + c % 2] = *in++;
}

/* x += what the block has to add. h is room for a tensor like x. */
static inline void unet_block_forward(const unet_block *block, float *x, int channels, int size,
                                      const float *emb, float *padded, float *h)
{
    float scale_shift[2 * UNET_C1];
    unet_linear(emb, UNET_EMB, block->emb_weight, block->emb_bias, scale_shift, 2 * channels);
    unet_norm_silu(x, channels, size, block->norm1_weight, block->norm1_bias, NULL, padded);
    unet_conv3x3(padded, channels, size, block->conv1_weight, block->conv1_bias, h, channels, 0);
    unet_norm_silu(h, channels, size, block->norm2_weight, block->norm2_bias, scale_shift, padded);
    unet_conv3x3(padded, channels, size, block->conv2_weight, block->conv2_bias, x, channels, 1);
}

/* ------------------------------------------------------------------------------- whole network */

/* The embedding of noise level and class that steers every block. */
static inline void unet_embed(const unet *net, float c_noise, int label, float *emb)
{
    float features[2 * UNET_FREQS], hidden[UNET_EMB];
    for (int i = 0; i < UNET_FREQS; i++) {
        const float angle = c_noise * (0.5f * (float)(i + 1));
        features[i] = cosf(angle);
        features[UNET_FREQS + i] = sinf(angle);
    }
    unet_linear(features, 2 * UNET_FREQS, net->emb1_weight, net->emb1_bias, hidden, UNET_EMB);
    for (int i = 0; i < UNET_EMB; i++)
        hidden[i] = unet_silu(hidden[i] + net->classes[label * UNET_EMB + i]);
    unet_linear(hidden, UNET_EMB, net->emb2_weight, net->emb2_bias, emb, UNET_EMB);
    for (int i = 0; i < UNET_EMB; i++)
        emb[i] = unet_silu(emb[i]);
}

/* One image. w must be all zeros, or left over from another image. */
static inline void unet_forward_image(const unet *net, const float *input, float c_noise,
                                      int label, float *output, unet_work *w)
{
    unet_embed(net, c_noise, label, w->emb);

    unet_to_blocks(input, 1, UNET_S0, w->h0);
    unet_pad(w->h0, 4, UNET_S0, w->padded0);
    unet_conv3x3(w->padded0, 4, UNET_S0, net->in_weight, net->in_bias, w->skip, UNET_C0, 0);
    unet_block_forward(&net->enc, w->skip, UNET_C0, UNET_S0, w->emb, w->padded0, w->h0);

    unet_to_blocks(w->skip, UNET_C0, UNET_S1, w->blocks);
    unet_conv1x1(w->blocks, 4 * UNET_C0, net->down_weight, net->down_bias, w->x1, UNET_C1);
    unet_block_forward(&net->mid1, w->x1, UNET_C1, UNET_S1, w->emb, w->padded1, w->h1);
    unet_block_forward(&net->mid2, w->x1, UNET_C1, UNET_S1, w->emb, w->padded1, w->h1);
    unet_conv1x1(w->x1, UNET_C1, net->up_weight, net->up_bias, w->blocks, 4 * UNET_C0);
    unet_from_blocks(w->blocks, UNET_C0, UNET_S1, w->x0);

    for (int i = 0; i < UNET_C0 * UNET_S0 * UNET_S0; i++)
        w->x0[i] += w->skip[i];
    unet_block_forward(&net->dec, w->x0, UNET_C0, UNET_S0, w->emb, w->padded0, w->h0);
    unet_norm_silu(w->x0, UNET_C0, UNET_S0, net->out_norm_weight, net->out_norm_bias, NULL,
                   w->padded0);
    unet_conv3x3(w->padded0, UNET_C0, UNET_S0, net->out_weight, net->out_bias, w->h0, 4, 0);
    unet_from_blocks(w->h0, 1, UNET_S0, output);
}

/*
 * The raw network output F for n images. input: n * 784 pixels, already multiplied by c_in;
 * c_noise: n values ln(sigma) / 4; label: n values, 0..9 or 10 for no class; output: n * 784.
 * Returns 0, or 1 if memory ran out. With OpenMP images are computed in parallel; the result of an
 * image never depends on the others or on the number of threads.
 */
static inline int unet_forward(const unet *net, int n, const float *input, const float *c_noise,
                               const int *label, float *output)
{
    int failed = 0;
#ifdef _OPENMP
#pragma omp parallel for reduction(| : failed)
#endif
    for (int i = 0; i < n; i++) {
        unet_work *work = (unet_work *)calloc(1, sizeof *work);
        if (work == NULL) {
            failed |= 1;
            continue;
        }
        unet_forward_image(net, input + (size_t)i * UNET_PIXELS, c_noise[i], label[i],
                           output + (size_t)i * UNET_PIXELS, work);
        free(work);
    }
    return failed;
}

/* ------------------------------------------------------------------------------------- loading */

static inline uint32_t unet_read_u32(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* A 16-bit float: sign, 5 bits of exponent, 10 of mantissa. (The file holds no infinities.) */
static inline float unet_read_half(const unsigned char *p)
{
    const int bits = p[0] | p[1] << 8;
    const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    const float value = exponent == 0 ? ldexpf((float)mantissa, -24)
                                      : ldexpf((float)(mantissa + 1024), exponent - 25);
    return bits >> 15 ? -value : value;
}

static inline const float *unet_take(const float **next, int count)
{
    const float *tensor = *next;
    *next += count;
    return tensor;
}

static inline void unet_take_block(const float **next, unet_block *block, int channels)
{
    block->norm1_weight = unet_take(next, channels);
    block->norm1_bias = unet_take(next, channels);
    block->conv1_weight = unet_take(next, channels * channels * 9);
    block->conv1_bias = unet_take(next, channels);
    block->emb_weight = unet_take(next, 2 * channels * UNET_EMB);
    block->emb_bias = unet_take(next, 2 * channels);
    block->norm2_weight = unet_take(next, channels);
    block->norm2_bias = unet_take(next, channels);
    block->conv2_weight = unet_take(next, channels * channels * 9);
    block->conv2_bias = unet_take(next, channels);
}

/* Point every tensor into the weights, in the order of the file; the number of weights. */
static inline size_t unet_place_tensors(unet *net)
{
    const float *next = net->data;
    net->emb1_weight = unet_take(&next, UNET_EMB * 2 * UNET_FREQS);
    net->emb1_bias = unet_take(&next, UNET_EMB);
    net->classes = unet_take(&next, (UNET_CLASSES + 1) * UNET_EMB);
    net->emb2_weight = unet_take(&next, UNET_EMB * UNET_EMB);
    net->emb2_bias = unet_take(&next, UNET_EMB);
    net->in_weight = unet_take(&next, UNET_C0 * 4 * 9);
    net->in_bias = unet_take(&next, UNET_C0);
    unet_take_block(&next, &net->enc, UNET_C0);
    net->down_weight = unet_take(&next, UNET_C1 * 4 * UNET_C0);
    net->down_bias = unet_take(&next, UNET_C1);
    unet_take_block(&next, &net->mid1, UNET_C1);
    unet_take_block(&next, &net->mid2, UNET_C1);
    net->up_weight = unet_take(&next, 4 * UNET_C0 * UNET_C1);
    net->up_bias = unet_take(&next, 4 * UNET_C0);
    unet_take_block(&next, &net->dec, UNET_C0);
    net->out_norm_weight = unet_take(&next, UNET_C0);
    net->out_norm_bias = unet_take(&next, UNET_C0);
    net->out_weight = unet_take(&next, 4 * UNET_C0 * 9);
    net->out_bias = unet_take(&next, 4);
    return (size_t)(next - net->data);
}

/* The number of weights of this architecture. */
enum {
    UNET_BLOCK0_WEIGHTS = 2 * 9 * UNET_C0 * UNET_C0 + 8 * UNET_C0 + 2 * UNET_C0 * UNET_EMB,
    UNET_BLOCK1_WEIGHTS = 2 * 9 * UNET_C1 * UNET_C1 + 8 * UNET_C1 + 2 * UNET_C1 * UNET_EMB,
    UNET_WEIGHTS = UNET_EMB * (2 * UNET_FREQS + 1) + (UNET_CLASSES + 1) * UNET_EMB +
                   UNET_EMB * (UNET_EMB + 1) + 37 * UNET_C0 + 2 * UNET_BLOCK0_WEIGHTS +
                   2 * UNET_BLOCK1_WEIGHTS + UNET_C1 * (4 * UNET_C0 + 1) +
                   4 * UNET_C0 * (UNET_C1 + 1) + 2 * UNET_C0 + 4 * (9 * UNET_C0 + 1)
};

/* Check the file in bytes[0..size) and make floats of it. NULL, or what is wrong. */
static inline const char *unet_parse(unet *net, const unsigned char *bytes, size_t size)
{
    enum { header = 8 + 8 * 4 + 4 + 4 + 4 };
    static const int expected[] = {UNET_SIZE, UNET_C0, UNET_C1, UNET_EMB, UNET_FREQS,
                                   UNET_CLASSES, UNET_GROUP};
    if (size < header || memcmp(bytes, "DIGITSUN", 8) != 0)
        return "not a weights file of this network";
    if (unet_read_u32(bytes + 8) != 1)
        return "unknown version of the weights file";
    for (int i = 0; i < 7; i++)
        if (unet_read_u32(bytes + 12 + 4 * i) != (uint32_t)expected[i])
            return "the weights file is for another architecture";
    if (unet_read_u32(bytes + 44) != UNET_WEIGHTS || size != header + 2 * (size_t)UNET_WEIGHTS)
        return "the weights file does not have the right length";
    uint32_t hash = 2166136261u;          /* FNV-1a */
    for (size_t i = header; i < size; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    if (unet_read_u32(bytes + 48) != hash)
        return "the weights file is damaged (wrong check sum)";

    const uint32_t bits = unet_read_u32(bytes + 40);
    memcpy(&net->sigma_data, &bits, sizeof net->sigma_data);
    net->data = (float *)malloc(UNET_WEIGHTS * sizeof *net->data);
    if (net->data == NULL)
        return "out of memory";
    for (size_t i = 0; i < UNET_WEIGHTS; i++)
        net->data[i] = unet_read_half(bytes + header + 2 * i);
    unet_place_tensors(net);
    return NULL;
}

/* Load weights.bin. Returns NULL, or says what is wrong; then there is nothing to free. */
static inline const char *unet_load(unet *net, const char *path)
{
    const size_t most = 52 + 2 * (size_t)UNET_WEIGHTS + 1;    /* one more shows it is too long */
    memset(net, 0, sizeof *net);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return "cannot open the weights file";
    const char *wrong = "out of memory";
    unsigned char *bytes = (unsigned char *)malloc(most);
    if (bytes != NULL) {
        const size_t size = fread(bytes, 1, most, file);
        wrong = ferror(file) ? "cannot read the weights file" : unet_parse(net, bytes, size);
    }
    free(bytes);
    fclose(file);
    return wrong;
}

static inline void unet_free(unet *net)
{
    free(net->data);
    memset(net, 0, sizeof *net);
}

#endif /* DIGITS_UNET_H */
