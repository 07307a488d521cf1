/*
 * unet.h - the forward pass of a small U-Net that has learnt to denoise handwritten digits.
 *
 * Plain C11 (also compiles as C++11), no dependencies but the C library (link with -lm).
 * The network is the one in train.py, and README.md has a picture of it.
 *
 * A tensor is x[image][row][column][channel]. What is done to a pixel is done to all of its channels,
 * which are 40 or 96 floats in a row, and compilers make vector code of it. UNET_TOGETHER images go
 * through a layer before the next one begins, so that its weights are fetched once for them.
 *
 * Nearly all the time goes into multiplying matrices (unet_multiply). 3x3 convolutions become such
 * products by Winograd's method, which needs a third of the multiplications (unet_conv3x3).
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
#ifdef _OPENMP
#include <omp.h>
#endif

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

#define UNET_TOGETHER 4                   /* images; unet_multiply wants a multiple of 4 */

/*
 * A convolution is computed in tiles of 4x4 pixels, each from 6x6 of the input. The input is stored
 * with zeros around each image: one row above, and below as many as the last tile reaches.
 */
#define UNET_TILES(size) (((size) + 3) / 4)
#define UNET_PADDED(size) (4 * UNET_TILES(size) + 2)

/* a * b + c, in one instruction where the processor has one. */
#if defined(FP_FAST_FMAF) || defined(__FMA__)
#define UNET_MULTIPLY_ADD(a, b, c) fmaf(a, b, c)
#else
#define UNET_MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif

/* For functions that must know sizes when they are compiled. ALONE: nothing else points there. */
#if defined(__GNUC__)
#define UNET_INLINE static inline __attribute__((always_inline))
#define UNET_ALONE __restrict
#elif defined(_MSC_VER)
#define UNET_INLINE static __forceinline
#define UNET_ALONE __restrict
#else
#define UNET_INLINE static inline
#define UNET_ALONE
#endif

/*
 * One residual block: x + conv2(silu(norm2(conv1(silu(norm1(x)))) * (1 + scale) + shift)). Matrices
 * are arranged for unet_multiply and unet_conv3x3.
 */
typedef struct unet_block {
    const float *norm1_weight, *norm1_bias;
    const float *conv1_weight, *conv1_bias;
    const float *emb_weight, *emb_bias;   /* linear: embedding -> scale, shift per channel */
    const float *norm2_weight, *norm2_bias;
    const float *conv2_weight, *conv2_bias;
} unet_block;

typedef struct unet {
    float *data;                          /* all weights, as the file has them */
    float *arranged;                      /* the matrices; what follows points into these two */
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

/* The floats that UNET_TOGETHER images need on their way through the network, and what is in them. */
enum {
    UNET_PLANES0 = UNET_TOGETHER * UNET_C0 * UNET_S0 * UNET_S0,
    UNET_PLANES1 = UNET_TOGETHER * UNET_C1 * UNET_S1 * UNET_S1,
    UNET_PADDED0 = UNET_TOGETHER * UNET_C0 * UNET_PADDED(UNET_S0) * UNET_PADDED(UNET_S0),
    UNET_PADDED1 = UNET_TOGETHER * UNET_C1 * UNET_PADDED(UNET_S1) * UNET_PADDED(UNET_S1),
    UNET_TRANSFORMED = UNET_TOGETHER * UNET_C0 * 36 * UNET_TILES(UNET_S0) * UNET_TILES(UNET_S0),
    UNET_WORK = UNET_PADDED0 + UNET_PADDED1 + UNET_TOGETHER * UNET_EMB + 3 * UNET_PLANES0 +
                2 * UNET_PLANES1 + 2 * UNET_TRANSFORMED
};

typedef struct unet_work {
    float *padded0, *padded1;             /* inputs of convolutions, zeros around the images */
    float *emb;
    float *skip, *x0, *h0;                /* of the upper level; h0 also holds it as 2x2 blocks */
    float *x1, *h1;                       /* of the lower level */
    float *transformed, *product;         /* within a convolution */
} unet_work;

/* Parts of memory for UNET_WORK floats, all zero. */
static inline unet_work unet_divide(float *memory)
{
    unet_work w;
    memset(memory, 0, sizeof(float) * UNET_WORK);
    w.padded0 = memory;
    w.padded1 = w.padded0 + UNET_PADDED0;
    w.emb = w.padded1 + UNET_PADDED1;
    w.skip = w.emb + UNET_TOGETHER * UNET_EMB;
    w.x0 = w.skip + UNET_PLANES0;
    w.h0 = w.x0 + UNET_PLANES0;
    w.x1 = w.h0 + UNET_PLANES0;
    w.h1 = w.x1 + UNET_PLANES1;
    w.transformed = w.h1 + UNET_PLANES1;
    w.product = w.transformed + UNET_TRANSFORMED;
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

/*
 * out = a * b + bias: out[rows][n_out], a[rows][n_in], b[n_in][n_out]; bias NULL: 0. Four rows of a are
 * multiplied with four of b at once, so that every float that is loaded is used four times. n_in must
 * be a multiple of 4. rows is rounded up to one; a and out must have room.
 */
UNET_INLINE void unet_multiply(const float *a, int rows, const float *b, int n_in, const float *bias,
                               float *UNET_ALONE out, int n_out)
{
    for (int row = 0; row < rows; row += 4, a += 4 * n_in, out += 4 * n_out) {
        float *UNET_ALONE sum0 = out, *UNET_ALONE sum1 = out + n_out;
        float *UNET_ALONE sum2 = out + 2 * n_out, *UNET_ALONE sum3 = out + 3 * n_out;
        for (int o = 0; o < n_out; o++)
            sum0[o] = sum1[o] = sum2[o] = sum3[o] = bias != NULL ? bias[o] : 0;
        for (int i = 0; i < n_in; i += 4) {
            const float *p = a + i, *q = p + n_in, *r = q + n_in, *s = r + n_in;
            const float p0 = p[0], p1 = p[1], p2 = p[2], p3 = p[3];
            const float q0 = q[0], q1 = q[1], q2 = q[2], q3 = q[3];
            const float r0 = r[0], r1 = r[1], r2 = r[2], r3 = r[3];
            const float s0 = s[0], s1 = s[1], s2 = s[2], s3 = s[3];
            const float *b0 = b + i * n_out, *b1 = b0 + n_out, *b2 = b1 + n_out, *b3 = b2 + n_out;
#define UNET_FOUR(p, sum) \
    UNET_MULTIPLY_ADD(p##0, w0, UNET_MULTIPLY_ADD(p##1, w1, \
    UNET_MULTIPLY_ADD(p##2, w2, UNET_MULTIPLY_ADD(p##3, w3, sum))))
            for (int o = 0; o < n_out; o++) {
                const float w0 = b0[o], w1 = b1[o], w2 = b2[o], w3 = b3[o];
                sum0[o] = UNET_FOUR(p, sum0[o]);
                sum1[o] = UNET_FOUR(q, sum1[o]);
                sum2[o] = UNET_FOUR(r, sum2[o]);
                sum3[o] = UNET_FOUR(s, sum3[o]);
            }
#undef UNET_FOUR
        }
    }
}

/*
 * Group norm as one multiplication and one addition per number: x * a[c] + b[c], for one image. It
 * brings each group of UNET_GROUP channels to mean 0 and variance 1, multiplies by weight and adds
 * bias, then multiplies by 1 + scale and adds shift. scale_shift: all scales, then all shifts, or NULL.
 */
UNET_INLINE void unet_norm(const float *x, int channels, int pixels, const float *weight, const float *bias,
                           const float *scale_shift, float *UNET_ALONE a, float *UNET_ALONE b)
{
    float mean[UNET_C1] = {0}, square[UNET_C1] = {0};
    for (int i = 0; i < pixels; i++)
        for (int c = 0; c < channels; c++)
            mean[c] += x[i * channels + c];
    for (int first = 0; first < channels; first += UNET_GROUP) {
        float sum = 0;
        for (int c = first; c < first + UNET_GROUP; c++)
            sum += mean[c];
        for (int c = first; c < first + UNET_GROUP; c++)
            mean[c] = sum / (float)(UNET_GROUP * pixels);
    }
    for (int i = 0; i < pixels; i++)
        for (int c = 0; c < channels; c++) {
            const float deviation = x[i * channels + c] - mean[c];
            square[c] += deviation * deviation;
        }
    for (int c = 0; c < channels; c++) {
        float sum = 0;
        for (int k = c / UNET_GROUP * UNET_GROUP, i = 0; i < UNET_GROUP; i++)
            sum += square[k + i];
        const float scale = scale_shift != NULL ? 1 + scale_shift[c] : 1;
        const float shift = scale_shift != NULL ? scale_shift[channels + c] : 0;
        a[c] = weight[c] / sqrtf(sum / (float)(UNET_GROUP * pixels) + 1e-5f) * scale;
        b[c] = bias[c] * scale + shift - mean[c] * a[c];
    }
}

/* padded = silu(norm(x)): what comes before every 3x3 convolution but the first. */
UNET_INLINE void unet_norm_silu(const float *x, int images, int channels, int size, const float *weight,
                                const float *bias, const float *scale_shift, float *UNET_ALONE padded)
{
    const int edge = UNET_PADDED(size);
    for (int image = 0; image < images; image++, x += size * size * channels) {
        float a[UNET_C1], b[UNET_C1];
        const float *told = scale_shift != NULL ? scale_shift + 2 * image * channels : NULL;
        unet_norm(x, channels, size * size, weight, bias, told, a, b);
        for (int i = 0; i < size * size; i++) {
            float *UNET_ALONE to =
                padded + ((image * edge + i / size + 1) * edge + i % size + 1) * channels;
            for (int c = 0; c < channels; c++)
                to[c] = unet_silu(a[c] * x[i * channels + c] + b[c]);
        }
    }
}

/*
 * Winograd's method (Lavin & Gray 2015): four outputs of a filter of three numbers g, along a line,
 * are products of polynomials at 0, a, -a, b, -b and infinity. So they need six multiplications
 * instead of twelve, and a tile of 4x4 pixels 36 instead of 144. With inputs d and m = (G g) * (B d),
 *
 *       1     0     -a2-b2  0       1  0         1        0      0            1  1   1   1   1   0
 *       0  -a b2     -b2    a       1  0       k        k a    k a2           0  a  -a   b  -b   0
 *  B =  0   a b2     -b2   -a       1  0   G = k       -k a    k a2   outputs 0  a2  a2  b2  b2  0  m
 *       0  -b a2     -a2    b       1  0       l        l b    l b2           0  a3 -a3  b3 -b3  1
 *       0   b a2     -a2   -b       1  0       l       -l b    l b2
 *       0     1       0   -a2-b2    0  1       0        0      1
 *
 * where a2 = a*a = 1/2, b2 = b*b = 2 (so that a2 b2 = 1), k = 1/(2 a2 (a2 - b2)) = -2/3 and
 * l = 1/(2 b2 (b2 - a2)) = 1/6. These points amplify rounding less than the usual 1 and 2.
 */
#define UNET_A 0.707106781f
#define UNET_B 1.41421356f

/* B d, of each channel. Number k of the six is k * step floats on, that of the result k * out_step. */
UNET_INLINE void unet_six_of_six(const float *in, int step, float *UNET_ALONE out, int out_step,
                                 int channels)
{
    for (int c = 0; c < channels; c++) {
        const float d0 = in[c], d1 = in[step + c], d2 = in[2 * step + c];
        const float d3 = in[3 * step + c], d4 = in[4 * step + c], d5 = in[5 * step + c];
        const float even_a = d4 - 2 * d2, odd_a = UNET_A * (d3 - 2 * d1);
        const float even_b = d4 - 0.5f * d2, odd_b = UNET_B * (d3 - 0.5f * d1);
        out[c] = d0 - 2.5f * d2 + d4;
        out[out_step + c] = even_a + odd_a;
        out[2 * out_step + c] = even_a - odd_a;
        out[3 * out_step + c] = even_b + odd_b;
        out[4 * out_step + c] = even_b - odd_b;
        out[5 * out_step + c] = d1 - 2.5f * d3 + d5;
    }
}

/* The four outputs from the six products m, of each channel. */
UNET_INLINE void unet_four_of_six(const float *in, int step, float *UNET_ALONE out, int out_step,
                                  int channels)
{
    for (int c = 0; c < channels; c++) {
        const float m0 = in[c], m1 = in[step + c], m2 = in[2 * step + c];
        const float m3 = in[3 * step + c], m4 = in[4 * step + c], m5 = in[5 * step + c];
        const float even_a = m1 + m2, odd_a = UNET_A * (m1 - m2);
        const float even_b = m3 + m4, odd_b = UNET_B * (m3 - m4);
        out[c] = m0 + even_a + even_b;
        out[out_step + c] = odd_a + odd_b;
        out[2 * out_step + c] = 0.5f * even_a + 2 * even_b;
        out[3 * out_step + c] = 0.5f * odd_a + 2 * odd_b + m5;
    }
}

/* The weights G g G' of the filters weight[n_out][n_in][3][3], as arranged[36][n_in][n_out]. */
static inline void unet_arrange_conv3x3(const float *weight, int n_in, int n_out, float *arranged)
{
    const double a = sqrt(0.5), b = sqrt(2.0), k = -2.0 / 3, l = 1.0 / 6;
    const double G[6][3] = {{1, 0, 0}, {k, k * a, k * a * a}, {k, -k * a, k * a * a},
                            {l, l * b, l * b * b}, {l, -l * b, l * b * b}, {0, 0, 1}};
    for (int y = 0; y < 6; y++)
        for (int x = 0; x < 6; x++)
            for (int i = 0; i < n_in; i++)
                for (int o = 0; o < n_out; o++) {
                    const float *g = weight + (o * n_in + i) * 9;
                    double sum = 0;
                    for (int v = 0; v < 3; v++)
                        for (int u = 0; u < 3; u++)
                            sum += G[y][v] * G[x][u] * (double)g[3 * v + u];
                    *arranged++ = (float)sum;
                }
}

/*
 * 3x3 convolution, by Winograd's method in both directions. `in` is padded, `out` is not; if add is not
 * 0, the result is added to what is in out. transformed and product are room: of tile t number k of 36
 * stands in row t of matrix k.
 */
UNET_INLINE void unet_conv3x3(const float *in, int images, int n_in, int size, const float *weight,
                              const float *bias, float *UNET_ALONE out, int n_out, int add, const unet_work *w)
{
    const int tiles = UNET_TILES(size), edge = UNET_PADDED(size), rows = images * tiles * tiles;
    float half[36 * UNET_C1], line[4 * UNET_C1];
    for (int t = 0; t < rows; t++) {
        const int image = t / (tiles * tiles), y0 = t / tiles % tiles * 4, x0 = t % tiles * 4;
        for (int y = 0; y < 6; y++)
            unet_six_of_six(in + ((image * edge + y0 + y) * edge + x0) * n_in, n_in, half + 6 * y * n_in,
                            n_in, n_in);
        for (int x = 0; x < 6; x++)
            unet_six_of_six(half + x * n_in, 6 * n_in, w->transformed + (x * rows + t) * n_in,
                            6 * rows * n_in, n_in);
    }
    for (int k = 0; k < 36; k++)
        unet_multiply(w->transformed + k * rows * n_in, rows, weight + k * n_in * n_out, n_in, NULL,
                      w->product + k * rows * n_out, n_out);
    for (int t = 0; t < rows; t++) {
        const int image = t / (tiles * tiles), y0 = t / tiles % tiles * 4, x0 = t % tiles * 4;
        for (int x = 0; x < 6; x++)
            unet_four_of_six(w->product + (x * rows + t) * n_out, 6 * rows * n_out, half + x * n_out,
                             6 * n_out, n_out);
        for (int y = 0; y < 4 && y0 + y < size; y++) {
            unet_four_of_six(half + 6 * y * n_out, n_out, line, n_out, n_out);
            for (int x = 0; x < 4 && x0 + x < size; x++) {
                float *UNET_ALONE pixel = out + ((image * size + y0 + y) * size + x0 + x) * n_out;
                for (int o = 0; o < n_out; o++)
                    pixel[o] = line[x * n_out + o] + bias[o] + (add ? pixel[o] : 0.0f);
            }
        }
    }
}

/*
 * Where unet_to_blocks and unet_from_blocks find number k of the 2x2 pixels that are the pixel i of
 * images with size x size blocks.
 */
static inline int unet_block_pixel(int i, int k, int size)
{
    return (2 * (i / size) + k / 2) * 2 * size + 2 * (i % size) + k % 2;
}

/*
 * Halve the resolution without losing anything: 2x2 pixels become 4 channels, those of channel c
 * channels 4c .. 4c + 3. size is the result's, whose images lie in planes of edge x edge pixels.
 */
static inline void unet_to_blocks(const float *in, int images, int channels, int size, float *out, int edge)
{
    for (int i = 0; i < images * size * size; i++) {
        const int image = i / (size * size), y = i / size % size, x = i % size;
        float *pixel = out + ((image * edge + y) * edge + x) * 4 * channels;
        for (int k = 0; k < 4; k++)
            for (int c = 0; c < channels; c++)
                pixel[4 * c + k] = in[unet_block_pixel(i, k, size) * channels + c];
    }
}

/* The inverse of unet_to_blocks; size is that of the input, which has no edge. */
static inline void unet_from_blocks(const float *in, int images, int channels, int size, float *out)
{
    for (int i = 0; i < images * size * size; i++)
        for (int k = 0; k < 4; k++)
            for (int c = 0; c < channels; c++)
                out[unet_block_pixel(i, k, size) * channels + c] = in[(i * channels + c) * 4 + k];
}

/* x += what the block has to add. h is room for a tensor like x. */
UNET_INLINE void unet_block_forward(const unet_block *block, int images, float *x, int channels, int size,
                                    float *padded, float *h, const unet_work *w)
{
    float scale_shift[UNET_TOGETHER * 2 * UNET_C1];
    unet_multiply(w->emb, images, block->emb_weight, UNET_EMB, block->emb_bias, scale_shift, 2 * channels);
    unet_norm_silu(x, images, channels, size, block->norm1_weight, block->norm1_bias, NULL, padded);
    unet_conv3x3(padded, images, channels, size, block->conv1_weight, block->conv1_bias, h, channels, 0, w);
    unet_norm_silu(h, images, channels, size, block->norm2_weight, block->norm2_bias, scale_shift, padded);
    unet_conv3x3(padded, images, channels, size, block->conv2_weight, block->conv2_bias, x, channels, 1, w);
}

static inline void unet_upper_block(const unet_block *block, int images, float *x, const unet_work *w)
{
    unet_block_forward(block, images, x, UNET_C0, UNET_S0, w->padded0, w->h0, w);
}

static inline void unet_lower_block(const unet_block *block, int images, const unet_work *w)
{
    unet_block_forward(block, images, w->x1, UNET_C1, UNET_S1, w->padded1, w->h1, w);
}

/* ------------------------------------------------------------------------------- whole network */

/* The embedding of noise level and class that steers every block. */
static inline void unet_embed(const unet *net, int images, const float *c_noise, const int *label, float *emb)
{
    float features[UNET_TOGETHER * 2 * UNET_FREQS] = {0}, hidden[UNET_TOGETHER * UNET_EMB];
    for (int k = 0; k < images; k++)
        for (int i = 0; i < UNET_FREQS; i++) {
            const float angle = c_noise[k] * (0.5f * (float)(i + 1));
            features[2 * UNET_FREQS * k + i] = cosf(angle);
            features[2 * UNET_FREQS * k + UNET_FREQS + i] = sinf(angle);
        }
    unet_multiply(features, images, net->emb1_weight, 2 * UNET_FREQS, net->emb1_bias, hidden, UNET_EMB);
    for (int k = 0; k < images; k++)
        for (int i = 0; i < UNET_EMB; i++)
            hidden[UNET_EMB * k + i] += net->classes[UNET_EMB * label[k] + i];
    for (int i = 0; i < UNET_EMB * images; i++)
        hidden[i] = unet_silu(hidden[i]);
    unet_multiply(hidden, images, net->emb2_weight, UNET_EMB, net->emb2_bias, emb, UNET_EMB);
    for (int i = 0; i < UNET_EMB * images; i++)
        emb[i] = unet_silu(emb[i]);
}

/* At most UNET_TOGETHER images, on one thread. memory: UNET_WORK floats. */
static inline void unet_forward_together(const unet *net, int images, const float *input, const float *c_noise,
                                         const int *label, float *output, float *memory)
{
    const unet_work w = unet_divide(memory);
    const int edge = UNET_PADDED(UNET_S0);
    unet_embed(net, images, c_noise, label, w.emb);
    unet_to_blocks(input, images, 1, UNET_S0, w.padded0 + (edge + 1) * 4, edge);
    unet_conv3x3(w.padded0, images, 4, UNET_S0, net->in_weight, net->in_bias, w.skip, UNET_C0, 0, &w);
    memset(w.padded0, 0, sizeof(float) * UNET_PADDED0);     /* other channels from now on */
    unet_upper_block(&net->enc, images, w.skip, &w);

    unet_to_blocks(w.skip, images, UNET_C0, UNET_S1, w.h0, UNET_S1);
    unet_multiply(w.h0, images * UNET_S1 * UNET_S1, net->down_weight, 4 * UNET_C0, net->down_bias, w.x1,
                  UNET_C1);
    unet_lower_block(&net->mid1, images, &w);
    unet_lower_block(&net->mid2, images, &w);
    unet_multiply(w.x1, images * UNET_S1 * UNET_S1, net->up_weight, UNET_C1, net->up_bias, w.h0,
                  4 * UNET_C0);
    unet_from_blocks(w.h0, images, UNET_C0, UNET_S1, w.x0);

    for (int i = 0; i < UNET_PLANES0; i++)
        w.x0[i] += w.skip[i];
    unet_upper_block(&net->dec, images, w.x0, &w);
    unet_norm_silu(w.x0, images, UNET_C0, UNET_S0, net->out_norm_weight, net->out_norm_bias, NULL, w.padded0);
    unet_conv3x3(w.padded0, images, UNET_C0, UNET_S0, net->out_weight, net->out_bias, w.h0, 4, 0, &w);
    unet_from_blocks(w.h0, images, 1, UNET_S0, output);
}

/* The floats of memory that n images need, at most: for so many threads. */
#define UNET_MEMORY(n) (UNET_WORK * (((n) + UNET_TOGETHER - 1) / UNET_TOGETHER))

/* How many threads compute n images. */
static inline int unet_threads(int n)
{
    const int most = (n + UNET_TOGETHER - 1) / UNET_TOGETHER;
#ifdef _OPENMP
    const int threads = omp_get_max_threads();
#else
    const int threads = 1;
#endif
    return most < threads ? most : threads;
}

/* The floats of memory that n images need here. */
static inline size_t unet_memory(int n)
{
    return (size_t)UNET_WORK * (size_t)unet_threads(n);
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
    const int threads = unet_threads(n), stride = threads * UNET_TOGETHER;
#ifdef _OPENMP
#pragma omp parallel for schedule(static, 1)
#endif
    for (int k = 0; k < threads; k++)
        for (int first = k * UNET_TOGETHER; first < n; first += stride) {
            const int images = n - first < UNET_TOGETHER ? n - first : UNET_TOGETHER;
            unet_forward_together(net, images, input + (size_t)first * UNET_PIXELS, c_noise + first,
                                  label + first, output + (size_t)first * UNET_PIXELS,
                                  memory + (size_t)k * UNET_WORK);
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

/* What is taken next: the weights as the file has them, and the room for matrices. */
typedef struct unet_reader {
    const float *next;
    float *room;
} unet_reader;

static inline const float *unet_take(unet_reader *from, int count)
{
    const float *tensor = from->next;
    from->next += count;
    return tensor;
}

/* weight[n_out][n_in], arranged as [n_in][n_out] */
static inline const float *unet_take_matrix(unet_reader *from, int n_in, int n_out)
{
    const float *weight = unet_take(from, n_in * n_out);
    float *arranged = from->room;
    for (int i = 0; i < n_in; i++)
        for (int o = 0; o < n_out; o++)
            *from->room++ = weight[o * n_in + i];
    return arranged;
}

static inline const float *unet_take_conv3x3(unet_reader *from, int n_in, int n_out)
{
    float *arranged = from->room;
    unet_arrange_conv3x3(unet_take(from, n_in * n_out * 9), n_in, n_out, arranged);
    from->room += 36 * n_in * n_out;
    return arranged;
}

static inline void unet_take_block(unet_reader *from, unet_block *block, int channels)
{
    block->norm1_weight = unet_take(from, channels);
    block->norm1_bias = unet_take(from, channels);
    block->conv1_weight = unet_take_conv3x3(from, channels, channels);
    block->conv1_bias = unet_take(from, channels);
    block->emb_weight = unet_take_matrix(from, UNET_EMB, 2 * channels);
    block->emb_bias = unet_take(from, 2 * channels);
    block->norm2_weight = unet_take(from, channels);
    block->norm2_bias = unet_take(from, channels);
    block->conv2_weight = unet_take_conv3x3(from, channels, channels);
    block->conv2_bias = unet_take(from, channels);
}

/* Arrange the matrices of data, in the order of the file, and point every tensor there or into data. */
static inline void unet_arrange(unet *net)
{
    unet_reader from = {net->data, net->arranged};
    net->emb1_weight = unet_take_matrix(&from, 2 * UNET_FREQS, UNET_EMB);
    net->emb1_bias = unet_take(&from, UNET_EMB);
    net->classes = unet_take(&from, (UNET_CLASSES + 1) * UNET_EMB);
    net->emb2_weight = unet_take_matrix(&from, UNET_EMB, UNET_EMB);
    net->emb2_bias = unet_take(&from, UNET_EMB);
    net->in_weight = unet_take_conv3x3(&from, 4, UNET_C0);
    net->in_bias = unet_take(&from, UNET_C0);
    unet_take_block(&from, &net->enc, UNET_C0);
    net->down_weight = unet_take_matrix(&from, 4 * UNET_C0, UNET_C1);
    net->down_bias = unet_take(&from, UNET_C1);
    unet_take_block(&from, &net->mid1, UNET_C1);
    unet_take_block(&from, &net->mid2, UNET_C1);
    net->up_weight = unet_take_matrix(&from, UNET_C1, 4 * UNET_C0);
    net->up_bias = unet_take(&from, 4 * UNET_C0);
    unet_take_block(&from, &net->dec, UNET_C0);
    net->out_norm_weight = unet_take(&from, UNET_C0);
    net->out_norm_bias = unet_take(&from, UNET_C0);
    net->out_weight = unet_take_conv3x3(&from, UNET_C0, 4);
    net->out_bias = unet_take(&from, 4);
}

/* The numbers of weights of this architecture, and of floats in arranged matrices. */
enum {
    UNET_BLOCK0_WEIGHTS = 2 * 9 * UNET_C0 * UNET_C0 + 8 * UNET_C0 + 2 * UNET_C0 * UNET_EMB,
    UNET_BLOCK1_WEIGHTS = 2 * 9 * UNET_C1 * UNET_C1 + 8 * UNET_C1 + 2 * UNET_C1 * UNET_EMB,
    UNET_WEIGHTS = UNET_EMB * (2 * UNET_FREQS + 1) + (UNET_CLASSES + 1) * UNET_EMB +
                   UNET_EMB * (UNET_EMB + 1) + 37 * UNET_C0 + 2 * UNET_BLOCK0_WEIGHTS +
                   2 * UNET_BLOCK1_WEIGHTS + UNET_C1 * (4 * UNET_C0 + 1) +
                   4 * UNET_C0 * (UNET_C1 + 1) + 2 * UNET_C0 + 4 * (9 * UNET_C0 + 1),
    UNET_ARRANGED = 36 * (8 * UNET_C0 + 4 * UNET_C0 * UNET_C0 + 4 * UNET_C1 * UNET_C1) +
                    UNET_EMB * (2 * UNET_FREQS + UNET_EMB + 4 * UNET_C0 + 4 * UNET_C1) +
                    8 * UNET_C0 * UNET_C1
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
    net->data = (float *)malloc((UNET_WEIGHTS + UNET_ARRANGED) * sizeof *net->data);
    if (net->data == NULL)
        return "out of memory";
    net->arranged = net->data + UNET_WEIGHTS;
    for (size_t i = 0; i < UNET_WEIGHTS; i++)
        net->data[i] = unet_read_half(bytes + header + 2 * i);
    unet_arrange(net);
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
