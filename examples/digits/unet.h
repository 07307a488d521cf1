/*
 * unet.h - the forward pass of a small U-Net that has learnt to denoise handwritten digits.
 *
 * Plain C11 (also compiles as C++11), no dependencies but the C library (link with -lm).
 * The network is the one in train.py, and README.md has a picture of it.
 *
 * Images are computed 16 at a time, side by side: one image in each lane of a vector. All tensors are
 * planes of pixels, one plane per channel, and a pixel has one float of each image:
 * x[channel][row][column][lane]. What is done to a pixel is then done to 16 floats in a row, which
 * compilers turn into vector code. Fewer than UNET_FEW images go through the same functions one by
 * one, with one lane each.
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

#define UNET_LANES 16                     /* images side by side */
#define UNET_FEW 10                       /* so many take as long one by one as 16 lanes do */

/*
 * The input of a 3x3 convolution is stored with zeros around each plane. One zero column between
 * rows is enough: it is right of one row and left of the next. So a row takes size + 1 pixels, and
 * the output pixels of a whole plane are one contiguous run, whose results in the zero column are not
 * used. A run is computed in tiles of UNET_TILE floats, whose sums stay in the fastest memory: with
 * one lane a plane of 7x7 is one tile, and one of 14x14 four. UNET_RUN is the length of the run,
 * UNET_PADDED the pixels from which it reads at all 9 offsets.
 */
#define UNET_TILE 56
#define UNET_RUN(size) (((size) * ((size) + 1) + UNET_TILE - 1) / UNET_TILE * UNET_TILE)
#define UNET_PADDED(size) (UNET_RUN(size) + 2 * ((size) + 1) + 2)

/* a * b + c, in one instruction where the processor has one. */
#if defined(FP_FAST_FMAF) || defined(__FMA__)
#define UNET_MULTIPLY_ADD(a, b, c) fmaf(a, b, c)
#else
#define UNET_MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif

/* For functions that must know the number of lanes when they are compiled. */
#if defined(__GNUC__)
#define UNET_INLINE static inline __attribute__((always_inline))
#else
#define UNET_INLINE static inline
#endif

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

/* The floats that one image needs on its way through the network, and what is in them. */
enum {
    UNET_PLANES0 = UNET_C0 * UNET_S0 * UNET_S0,
    UNET_PLANES1 = UNET_C1 * UNET_S1 * UNET_S1,
    UNET_PADDED0 = UNET_C0 * UNET_PADDED(UNET_S0),
    UNET_PADDED1 = UNET_C1 * UNET_PADDED(UNET_S1),
    UNET_WORK = UNET_PADDED0 + UNET_PADDED1 + UNET_EMB + UNET_PIXELS + 3 * UNET_PLANES0 +
                2 * UNET_PLANES1
};

typedef struct unet_work {
    float *padded0, *padded1;             /* inputs of convolutions, zeros around the planes */
    float *emb, *image;
    float *skip, *x0, *h0;                /* of the upper level; h0 also holds it as 2x2 blocks */
    float *x1, *h1;                       /* of the lower level */
} unet_work;

/* Parts of memory for UNET_WORK * lanes floats, all zero. */
static inline unet_work unet_divide(float *memory, int lanes)
{
    unet_work w;
    memset(memory, 0, sizeof(float) * UNET_WORK * (size_t)lanes);
    w.padded0 = memory;
    w.padded1 = w.padded0 + UNET_PADDED0 * lanes;
    w.emb = w.padded1 + UNET_PADDED1 * lanes;
    w.image = w.emb + UNET_EMB * lanes;
    w.skip = w.image + UNET_PIXELS * lanes;
    w.x0 = w.skip + UNET_PLANES0 * lanes;
    w.h0 = w.x0 + UNET_PLANES0 * lanes;
    w.x1 = w.h0 + UNET_PLANES0 * lanes;
    w.h1 = w.x1 + UNET_PLANES1 * lanes;
    return w;
}

/* ------------------------------------------------------------------------------------- layers */

/*
 * exp(x) for |x| < 10000: 2^n e^r with n whole and |r| <= ln(2)/2, where six terms of the series
 * suffice for a float. The C library's expf would not become vector code. Where n is none that a
 * float has as its exponent, the result is 0 or infinite, or nearly so.
 */
UNET_INLINE float unet_exp(float x)
{
    int32_t n = (int32_t)(x * 1.44269504f + 127.5f);            /* + 127: the exponent of a float */
    n = n < 0 ? 0 : n;
    n = n > 254 ? 254 : n;
    const float whole = (float)(n - 127);
    const float r = x - whole * 0.693359375f + whole * 2.12194440e-4f;  /* ln 2, in two parts */
    const float tail = r * (1.0f / 24 + r * (1.0f / 120 + r * (1.0f / 720)));
    const float series = 1 + r * (1 + r * (1.0f / 2 + r * (1.0f / 6 + tail)));
    const int32_t bits = n * (1 << 23);
    float power;
    memcpy(&power, &bits, sizeof power);
    return series * power;
}

UNET_INLINE float unet_silu(float x)
{
    return x / (1.0f + unet_exp(-x));
}

/* out = weight * in + bias, weight stored as [n_out][n_in] */
UNET_INLINE void unet_linear_lanes(const float *in, int n_in, const float *weight, const float *bias,
                                   float *out, int n_out, int lanes)
{
    for (int o = 0; o < n_out; o++) {
        float sum[UNET_LANES];
        for (int l = 0; l < lanes; l++)
            sum[l] = bias[o];
        for (int i = 0; i < n_in; i++)
            for (int l = 0; l < lanes; l++)
                sum[l] = UNET_MULTIPLY_ADD(weight[o * n_in + i], in[i * lanes + l], sum[l]);
        for (int l = 0; l < lanes; l++)
            out[o * lanes + l] = sum[l];
    }
}

static inline void unet_linear(const float *in, int n_in, const float *weight, const float *bias,
                               float *out, int n_out, int lanes)
{
    if (lanes == 1)
        unet_linear_lanes(in, n_in, weight, bias, out, n_out, 1);
    else
        unet_linear_lanes(in, n_in, weight, bias, out, n_out, UNET_LANES);
}

/* Write planes of size x size into planes with zeros around them, as unet_conv3x3 wants them. */
static inline void unet_pad(const float *x, int channels, int size, float *padded, int lanes)
{
    for (int c = 0; c < channels; c++)
        for (int y = 0; y < size; y++)
            memcpy(padded + (c * UNET_PADDED(size) + (y + 1) * (size + 1) + 1) * lanes,
                   x + (c * size + y) * size * lanes, (size_t)(size * lanes) * sizeof(float));
}

/*
 * padded = silu(norm(x) * (1 + scale) + shift): what comes before every 3x3 convolution but the
 * first. Group norm brings each group of UNET_GROUP planes to mean 0 and variance 1, then
 * multiplies by weight and adds bias. scale_shift: first all scales, then all shifts, or NULL.
 */
UNET_INLINE void unet_norm_silu_lanes(const float *x, int channels, int size, const float *weight,
                                      const float *bias, const float *scale_shift, float *padded,
                                      int lanes)
{
    const int pixels = size * size;
    for (int first = 0; first < channels; first += UNET_GROUP) {
        const float *group = x + first * pixels * lanes;
        double sum[UNET_LANES] = {0}, sum_squares[UNET_LANES] = {0};
        for (int y = 0; y < UNET_GROUP * size; y++) {
            float of_row[UNET_LANES] = {0}, squares_of_row[UNET_LANES] = {0};
            for (int i = y * size; i < (y + 1) * size; i++)
                for (int l = 0; l < lanes; l++) {
                    const float value = group[i * lanes + l];
                    of_row[l] += value;
                    squares_of_row[l] += value * value;
                }
            for (int l = 0; l < lanes; l++) {
                sum[l] += (double)of_row[l];
                sum_squares[l] += (double)squares_of_row[l];
            }
        }
        float mean[UNET_LANES], inv_std[UNET_LANES];
        for (int l = 0; l < lanes; l++) {
            const double m = sum[l] / (UNET_GROUP * pixels);
            const double variance = sum_squares[l] / (UNET_GROUP * pixels) - m * m;
            mean[l] = (float)m;
            inv_std[l] = (float)(1 / sqrt((variance > 0 ? variance : 0) + 1e-5));
        }
        for (int c = first; c < first + UNET_GROUP; c++) {
            /* All of it together is one multiplication and one addition per pixel. */
            float a[UNET_LANES], b[UNET_LANES];
            for (int l = 0; l < lanes; l++) {
                a[l] = inv_std[l] * weight[c];
                b[l] = bias[c] - mean[l] * a[l];
                if (scale_shift != NULL) {
                    const float scale = 1 + scale_shift[c * lanes + l];
                    a[l] *= scale;
                    b[l] = b[l] * scale + scale_shift[(channels + c) * lanes + l];
                }
            }
            for (int y = 0; y < size; y++) {
                const float *from = x + (c * size + y) * size * lanes;
                float *to = padded + (c * UNET_PADDED(size) + (y + 1) * (size + 1) + 1) * lanes;
                for (int i = 0; i < size; i++)
                    for (int l = 0; l < lanes; l++)
                        to[i * lanes + l] = unet_silu(a[l] * from[i * lanes + l] + b[l]);
            }
        }
    }
}

static inline void unet_norm_silu(const float *x, int channels, int size, const float *weight,
                                  const float *bias, const float *scale_shift, float *padded,
                                  int lanes)
{
    if (lanes == 1)
        unet_norm_silu_lanes(x, channels, size, weight, bias, scale_shift, padded, 1);
    else
        unet_norm_silu_lanes(x, channels, size, weight, bias, scale_shift, padded, UNET_LANES);
}

/*
 * 3x3 convolution, weight stored as [n_out][n_in][3][3]. `in` is padded, `out` is not; if add is
 * not 0, the result is added to what is in out. Nearly all the time goes into the innermost loop
 * here: it lets one column of the filters contribute to 4 output planes, so that every float loaded
 * is used 4 times. It does not ask how many lanes there are: a pixel further right is so many floats
 * further on. n_out must be a multiple of 4.
 */
static inline void unet_conv3x3(const float *in, int n_in, int size, const float *weight,
                                const float *bias, float *out, int n_out, int add, int lanes)
{
    const int stride = (size + 1) * lanes, row = size * lanes, run = UNET_RUN(size) * lanes;
    for (int o = 0; o < n_out; o += 4)
        for (int first = 0; first < run; first += UNET_TILE) {
            float sum[4][UNET_TILE];
            for (int k = 0; k < 4; k++)
                for (int i = 0; i < UNET_TILE; i++)
                    sum[k][i] = bias[o + k];
            for (int c = 0; c < n_in; c++)
                for (int col = 0; col < 3; col++) {
                    const float *p = in + (c * UNET_PADDED(size) + col) * lanes + first;
                    const float *q = p + stride, *r = q + stride;
                    const float *w0 = weight + (o * n_in + c) * 9 + col;
                    const float *w1 = w0 + n_in * 9, *w2 = w1 + n_in * 9, *w3 = w2 + n_in * 9;
                    const float a0 = w0[0], b0 = w0[3], c0 = w0[6], a1 = w1[0], b1 = w1[3], c1 = w1[6];
                    const float a2 = w2[0], b2 = w2[3], c2 = w2[6], a3 = w3[0], b3 = w3[3], c3 = w3[6];
#define UNET_COLUMN(a, b, c, sum) \
    UNET_MULTIPLY_ADD(a, x, UNET_MULTIPLY_ADD(b, y, UNET_MULTIPLY_ADD(c, z, sum)))
                    for (int i = 0; i < UNET_TILE; i++) {
                        const float x = p[i], y = q[i], z = r[i];
                        sum[0][i] = UNET_COLUMN(a0, b0, c0, sum[0][i]);
                        sum[1][i] = UNET_COLUMN(a1, b1, c1, sum[1][i]);
                        sum[2][i] = UNET_COLUMN(a2, b2, c2, sum[2][i]);
                        sum[3][i] = UNET_COLUMN(a3, b3, c3, sum[3][i]);
                    }
#undef UNET_COLUMN
                }
            for (int y = first / stride; y < size && y * stride < first + UNET_TILE; y++) {
                const int begin = y * stride, end = begin + row;    /* of the row, in the run */
                const int from = begin < first ? first : begin;
                const int to = end < first + UNET_TILE ? end : first + UNET_TILE;
                for (int k = 0; k < 4; k++)
                    for (int i = from; i < to; i++) {
                        float *pixel = out + ((o + k) * size + y) * row + i - begin;
                        *pixel = sum[k][i - first] + (add ? *pixel : 0.0f);
                    }
            }
        }
}

/*
 * 1x1 convolution at the lower level: the same linear map of the channels for every pixel. n_out must
 * be a multiple of 4.
 */
static inline void unet_conv1x1(const float *in, int n_in, const float *weight, const float *bias,
                                float *out, int n_out, int lanes)
{
    enum { tile = UNET_S1 * UNET_S1 };
    for (int o = 0; o < n_out; o += 4)
        for (int first = 0; first < tile * lanes; first += tile) {
            float sum[4][tile];
            for (int k = 0; k < 4; k++)
                for (int i = 0; i < tile; i++)
                    sum[k][i] = bias[o + k];
            for (int c = 0; c < n_in; c++) {
                const float *p = in + c * tile * lanes + first, *w = weight + o * n_in + c;
                const float w0 = w[0], w1 = w[n_in], w2 = w[2 * n_in], w3 = w[3 * n_in];
                for (int i = 0; i < tile; i++) {
                    sum[0][i] = UNET_MULTIPLY_ADD(w0, p[i], sum[0][i]);
                    sum[1][i] = UNET_MULTIPLY_ADD(w1, p[i], sum[1][i]);
                    sum[2][i] = UNET_MULTIPLY_ADD(w2, p[i], sum[2][i]);
                    sum[3][i] = UNET_MULTIPLY_ADD(w3, p[i], sum[3][i]);
                }
            }
            for (int k = 0; k < 4; k++)
                memcpy(out + (o + k) * tile * lanes + first, sum[k], sizeof sum[k]);
        }
}

/*
 * Where unet_to_blocks and unet_from_blocks find the pixel (y, x) of the blocks' channel c among the
 * pixels of the planes: at (2y + dy, 2x + dx) of plane c / 4, with c = 4 * plane + 2dy + dx.
 */
static inline int unet_block_pixel(int c, int y, int x, int size)
{
    return (c / 4 * 2 * size + 2 * y + c / 2 % 2) * 2 * size + 2 * x + c % 2;
}

/* Halve the resolution without losing anything: 2x2 pixels become 4 channels. size is the result's. */
static inline void unet_to_blocks(const float *in, int channels, int size, float *out, int lanes)
{
    for (int c = 0; c < 4 * channels; c++)
        for (int y = 0; y < size; y++)
            for (int x = 0; x < size; x++, out += lanes)
                memcpy(out, in + unet_block_pixel(c, y, x, size) * lanes, (size_t)lanes * sizeof *out);
}

/* The inverse of unet_to_blocks; size is that of the input. */
static inline void unet_from_blocks(const float *in, int channels, int size, float *out, int lanes)
{
    for (int c = 0; c < 4 * channels; c++)
        for (int y = 0; y < size; y++)
            for (int x = 0; x < size; x++, in += lanes)
                memcpy(out + unet_block_pixel(c, y, x, size) * lanes, in, (size_t)lanes * sizeof *in);
}

/* x += what the block has to add. h is room for a tensor like x. */
static inline void unet_block_forward(const unet_block *block, float *x, int channels, int size,
                                      const float *emb, float *padded, float *h, int lanes)
{
    float scale_shift[2 * UNET_C1 * UNET_LANES];
    unet_linear(emb, UNET_EMB, block->emb_weight, block->emb_bias, scale_shift, 2 * channels,
                lanes);
    unet_norm_silu(x, channels, size, block->norm1_weight, block->norm1_bias, NULL, padded, lanes);
    unet_conv3x3(padded, channels, size, block->conv1_weight, block->conv1_bias, h, channels, 0,
                 lanes);
    unet_norm_silu(h, channels, size, block->norm2_weight, block->norm2_bias, scale_shift, padded,
                   lanes);
    unet_conv3x3(padded, channels, size, block->conv2_weight, block->conv2_bias, x, channels, 1,
                 lanes);
}

/* ------------------------------------------------------------------------------- whole network */

/* The embedding of noise level and class that steers every block. */
static inline void unet_embed(const unet *net, int n, const float *c_noise, const int *label,
                              float *emb, int lanes)
{
    float features[2 * UNET_FREQS * UNET_LANES] = {0}, hidden[UNET_EMB * UNET_LANES];
    for (int i = 0; i < UNET_FREQS; i++)
        for (int l = 0; l < n; l++) {
            const float angle = c_noise[l] * (0.5f * (float)(i + 1));
            features[i * lanes + l] = cosf(angle);
            features[(UNET_FREQS + i) * lanes + l] = sinf(angle);
        }
    unet_linear(features, 2 * UNET_FREQS, net->emb1_weight, net->emb1_bias, hidden, UNET_EMB,
                lanes);
    for (int i = 0; i < UNET_EMB; i++)
        for (int l = 0; l < n; l++)
            hidden[i * lanes + l] += net->classes[label[l] * UNET_EMB + i];
    for (int i = 0; i < UNET_EMB * lanes; i++)
        hidden[i] = unet_silu(hidden[i]);
    unet_linear(hidden, UNET_EMB, net->emb2_weight, net->emb2_bias, emb, UNET_EMB, lanes);
    for (int i = 0; i < UNET_EMB * lanes; i++)
        emb[i] = unet_silu(emb[i]);
}

/* n images, at most as many as there are lanes: 1 or UNET_LANES. memory: UNET_WORK * lanes floats. */
static inline void unet_forward_lanes(const unet *net, int n, const float *input, const float *c_noise,
                                      const int *label, float *output, float *memory, int lanes)
{
    const unet_work w = unet_divide(memory, lanes);
    unet_embed(net, n, c_noise, label, w.emb, lanes);
    for (int l = 0; l < n; l++)
        for (int i = 0; i < UNET_PIXELS; i++)
            w.image[i * lanes + l] = input[l * UNET_PIXELS + i];

    unet_to_blocks(w.image, 1, UNET_S0, w.h0, lanes);
    unet_pad(w.h0, 4, UNET_S0, w.padded0, lanes);
    unet_conv3x3(w.padded0, 4, UNET_S0, net->in_weight, net->in_bias, w.skip, UNET_C0, 0, lanes);
    unet_block_forward(&net->enc, w.skip, UNET_C0, UNET_S0, w.emb, w.padded0, w.h0, lanes);

    unet_to_blocks(w.skip, UNET_C0, UNET_S1, w.h0, lanes);
    unet_conv1x1(w.h0, 4 * UNET_C0, net->down_weight, net->down_bias, w.x1, UNET_C1, lanes);
    unet_block_forward(&net->mid1, w.x1, UNET_C1, UNET_S1, w.emb, w.padded1, w.h1, lanes);
    unet_block_forward(&net->mid2, w.x1, UNET_C1, UNET_S1, w.emb, w.padded1, w.h1, lanes);
    unet_conv1x1(w.x1, UNET_C1, net->up_weight, net->up_bias, w.h0, 4 * UNET_C0, lanes);
    unet_from_blocks(w.h0, UNET_C0, UNET_S1, w.x0, lanes);

    for (int i = 0; i < UNET_PLANES0 * lanes; i++)
        w.x0[i] += w.skip[i];
    unet_block_forward(&net->dec, w.x0, UNET_C0, UNET_S0, w.emb, w.padded0, w.h0, lanes);
    unet_norm_silu(w.x0, UNET_C0, UNET_S0, net->out_norm_weight, net->out_norm_bias, NULL, w.padded0,
                   lanes);
    unet_conv3x3(w.padded0, UNET_C0, UNET_S0, net->out_weight, net->out_bias, w.h0, 4, 0, lanes);
    unet_from_blocks(w.h0, 1, UNET_S0, w.image, lanes);

    for (int l = 0; l < n; l++)
        for (int i = 0; i < UNET_PIXELS; i++)
            output[l * UNET_PIXELS + i] = w.image[i * lanes + l];
}

/* The floats of memory that n images need. */
static inline size_t unet_memory(int n)
{
    return (size_t)UNET_WORK * (size_t)((n + UNET_LANES - 1) / UNET_LANES * UNET_LANES);
}

/*
 * The raw network output F for n images. input: n * 784 pixels, already multiplied by c_in;
 * c_noise: n values ln(sigma) / 4; label: n values, 0..9 or 10 for no class; output: n * 784;
 * memory: unet_memory(n) floats. With OpenMP images are computed in parallel; the result of an image
 * never depends on the others or on the number of threads.
 */
static inline void unet_forward(const unet *net, int n, const float *input, const float *c_noise,
                                const int *label, float *output, float *memory)
{
    const int rest = n % UNET_LANES, full = rest < UNET_FEW ? n - rest : n;
    const int groups = (full + UNET_LANES - 1) / UNET_LANES, singles = n - full > 0 ? n - full : 0;
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic)
#endif
    for (int g = 0; g < groups + singles; g++) {
        const int lanes = g < groups ? UNET_LANES : 1;
        const int first = g < groups ? g * UNET_LANES : full + g - groups;
        const int count = n - first < lanes ? n - first : lanes;
        unet_forward_lanes(net, count, input + (size_t)first * UNET_PIXELS, c_noise + first,
                           label + first, output + (size_t)first * UNET_PIXELS,
                           memory + (size_t)first * UNET_WORK, lanes);
    }
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
