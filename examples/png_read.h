/* png_read.h: reads a PNG file: png_read(bytes, size, &picture) returns NULL, or what is wrong in words.

   Grey and colour of 8 and 16 bits, with and without alpha, and palettes of 8 bits; interlaced files and fewer bits are
   refused. Alpha is left out. Check sums are not looked at. Any bytes may be given. */
#ifndef EXAMPLES_PNG_READ_H
#define EXAMPLES_PNG_READ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct png_picture {
    int width, height, channels; /* 1 or 3 */
    uint16_t *values;            /* 0 .. 65535, to be freed */
} png_picture;

/* ------------------------------------------------------------------------------ inflate: RFC 1951 */

typedef struct png_inflate {
    const unsigned char *in;
    unsigned char *out;
    size_t in_size, in_at, out_size, out_at;
    uint32_t bits;
    int n_bits, failed;
} png_inflate;

static inline uint32_t png_take(png_inflate *z, int n) { /* up to 16 bits, lowest first */
    while (z->n_bits < n) {
        if (z->in_at >= z->in_size) return z->failed = 1, 0u;
        z->bits |= (uint32_t)z->in[z->in_at++] << z->n_bits;
        z->n_bits += 8;
    }
    uint32_t value = z->bits & ((1u << n) - 1);
    z->bits >>= n, z->n_bits -= n;
    return value;
}

/* A Huffman code: how many symbols have each length, and the symbols in order of their codes. */
typedef struct png_code {
    int count[16], symbol[288];
} png_code;

static inline void png_make_code(png_code *code, const unsigned char *lengths, int n) {
    int next[16] = {0};
    memset(code, 0, sizeof *code);
    for (int i = 0; i < n; i++) code->count[lengths[i]]++;
    code->count[0] = 0;
    for (int length = 1; length < 16; length++) next[length] = next[length - 1] + code->count[length - 1];
    for (int i = 0; i < n; i++)
        if (lengths[i]) code->symbol[next[lengths[i]]++] = i;
}

static inline int png_symbol(png_inflate *z, const png_code *code) {
    int value = 0, first = 0, index = 0;
    for (int length = 1; length < 16; length++) { /* codes of one length are consecutive numbers */
        value |= (int)png_take(z, 1);
        if (z->failed) return -1;
        if (value - first < code->count[length]) return code->symbol[index + value - first];
        index += code->count[length], first = (first + code->count[length]) << 1, value <<= 1;
    }
    return z->failed = 1, -1;
}

static inline void png_read_codes(png_inflate *z, png_code *literals, png_code *distances) {
    static const unsigned char order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    unsigned char lengths[320] = {0};
    const int n_literals = (int)png_take(z, 5) + 257, n_distances = (int)png_take(z, 5) + 1,
              n = (int)png_take(z, 4) + 4;
    png_code code;
    if (n_literals > 286) z->failed = 1;
    for (int i = 0; i < n; i++) lengths[order[i]] = (unsigned char)png_take(z, 3);
    png_make_code(&code, lengths, 19);
    for (int i = 0; i < n_literals + n_distances && !z->failed;) {
        int symbol = png_symbol(z, &code), repeat = 1, value = symbol;
        if (symbol == 16) repeat = 3 + (int)png_take(z, 2), value = i > 0 ? lengths[i - 1] : 0;
        if (symbol == 17) repeat = 3 + (int)png_take(z, 3), value = 0;
        if (symbol == 18) repeat = 11 + (int)png_take(z, 7), value = 0;
        if (i + repeat > n_literals + n_distances) z->failed = 1;
        for (; repeat > 0 && !z->failed; repeat--) lengths[i++] = (unsigned char)value;
    }
    if (z->failed) return;
    png_make_code(literals, lengths, n_literals);
    png_make_code(distances, lengths + n_literals, n_distances);
}

static inline void png_compressed_block(png_inflate *z, const png_code *literals, const png_code *distances) {
    while (!z->failed) {
        const int symbol = png_symbol(z, literals);
        if (symbol == 256) return;
        if (symbol < 256) {
            if (symbol < 0 || z->out_at >= z->out_size) z->failed = 1;
            else z->out[z->out_at++] = (unsigned char)symbol;
            continue;
        }
        /* A length of 3 .. 258 and a distance back: each four, or two, symbols have one more bit that follows. */
        const int l = symbol - 257, length_bits = l < 8 || l == 28 ? 0 : l / 4 - 1;
        const size_t base = l < 8 ? (size_t)l + 3 : l == 28 ? 258 : ((size_t)(4 + l % 4) << length_bits) + 3;
        const size_t length = base + png_take(z, length_bits);
        const int d = png_symbol(z, distances), distance_bits = d < 4 ? 0 : d / 2 - 1;
        if (z->failed || l > 28 || d > 29) {
            z->failed = 1;
            return;
        }
        const size_t back =
            (d < 4 ? (size_t)d + 1 : ((size_t)(2 + d % 2) << distance_bits) + 1) + png_take(z, distance_bits);
        if (z->failed || back > z->out_at || length > z->out_size - z->out_at) {
            z->failed = 1;
            return;
        }
        for (size_t i = 0; i < length; i++, z->out_at++) z->out[z->out_at] = z->out[z->out_at - back];
    }
}

/* 1 if a zlib stream fills out exactly. */
static inline int png_decompress(const unsigned char *in, size_t in_size, unsigned char *out,
                                 size_t out_size) {
    png_inflate z = {in, out, in_size, 2, out_size, 0, 0, 0, 0};
    png_code literals, distances;
    for (int last = 0; !last && !z.failed;) {
        last = (int)png_take(&z, 1);
        const uint32_t kind = png_take(&z, 2);
        if (kind == 0) {
            z.bits = 0, z.n_bits = 0; /* stored bytes begin at a byte */
            const size_t size = png_take(&z, 16);
            png_take(&z, 16);
            if (z.failed || size > z.in_size - z.in_at || size > z.out_size - z.out_at) return 0;
            memcpy(z.out + z.out_at, z.in + z.in_at, size);
            z.in_at += size, z.out_at += size;
            continue;
        }
        if (kind == 3) return 0;
        if (kind == 1) {
            unsigned char lengths[320];
            for (int i = 0; i < 288; i++) lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
            png_make_code(&literals, lengths, 288);
            memset(lengths, 5, 30);
            png_make_code(&distances, lengths, 30);
        } else png_read_codes(&z, &literals, &distances);
        png_compressed_block(&z, &literals, &distances);
    }
    return !z.failed && z.out_at == out_size;
}

/* ----------------------------------------------------------------------------------------- the file */

static inline uint32_t png_number(const unsigned char *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Rows are told as differences from the byte to the left (a), above (b), and above left (c). */
static inline void png_unfilter(unsigned char *row, const unsigned char *above, size_t size, size_t pixel,
                                int filter) {
    for (size_t i = 0; i < size; i++) {
        const int a = i >= pixel ? row[i - pixel] : 0, b = above ? above[i] : 0,
                  c = above && i >= pixel ? above[i - pixel] : 0;
        const int to_a = abs(b - c), to_b = abs(a - c), to_c = abs(a + b - 2 * c);
        const int nearest = to_a <= to_b && to_a <= to_c ? a : to_b <= to_c ? b : c;
        const int predicted[5] = {0, a, b, (a + b) / 2, nearest};
        row[i] = (unsigned char)(row[i] + predicted[filter]);
    }
}

static inline const char *png_read(const unsigned char *bytes, size_t size, png_picture *p) {
    static const int channels_of[7] = {1, 0, 3, 1, 2, 0, 4}; /* by colour type */
    const unsigned char *palette = NULL;
    size_t data_size = 0, colours = 0;
    if (size < 33 || memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) || memcmp(bytes + 12, "IHDR", 4))
        return "it is no PNG file";
    const uint32_t width = png_number(bytes + 16), height = png_number(bytes + 20);
    const int depth = bytes[24], type = bytes[25];
    if (width < 1 || height < 1 || width > 16384 || height > 16384)
        return "it has no pixels, or more than 16384 to a side";
    if (type > 6 || !channels_of[type] || bytes[28])
        return "it is interlaced, or of a colour type that is not known";
    if (depth != 8 && (depth != 16 || type == 3)) return "it does not have 8 or 16 bits";
    const size_t wide = (size_t)(channels_of[type] * depth / 8), line = width * wide + 1, all = line * height;
    unsigned char *data = (unsigned char *)malloc(size), *rows = (unsigned char *)malloc(all);
    p->width = (int)width, p->height = (int)height, p->channels = type == 0 || type == 4 ? 1 : 3;
    p->values = (uint16_t *)malloc((size_t)width * height * (size_t)p->channels * sizeof *p->values);
    const char *wrong = data && rows && p->values ? NULL : "there is not enough memory";
    for (size_t at = 8; !wrong && at + 12 <= size;) {
        const size_t length = png_number(bytes + at);
        if (length > size - at - 12) break;
        if (!memcmp(bytes + at + 4, "PLTE", 4)) palette = bytes + at + 8, colours = length / 3;
        if (!memcmp(bytes + at + 4, "IDAT", 4))
            memcpy(data + data_size, bytes + at + 8, length), data_size += length;
        at += length + 12;
    }
    if (!wrong && !png_decompress(data, data_size, rows, all))
        wrong = "its data is damaged, or ends too soon";
    for (size_t y = 0; y < height && !wrong; y++) {
        unsigned char *row = rows + y * line + 1;
        if (row[-1] > 4) wrong = "its data is damaged";
        else png_unfilter(row, y ? row - line : NULL, line - 1, wide, row[-1]);
        for (size_t x = 0; x < width && !wrong; x++)
            for (size_t c = 0; c < (size_t)p->channels; c++) {
                const unsigned char *v = row + x * wide + c * (size_t)(depth / 8);
                if (type == 3 && *(v = row + x) >= colours) wrong = "it has colours that its palette has not";
                if (wrong) break;
                if (type == 3) v = palette + *v * 3 + c;
                p->values[(y * width + x) * (size_t)p->channels + c] =
                    (uint16_t)(depth == 16 ? v[0] << 8 | v[1] : *v * 257);
            }
    }
    free(data), free(rows);
    if (wrong) free(p->values), p->values = NULL;
    return wrong;
}

#endif /* EXAMPLES_PNG_READ_H */
