/*
 * png.h - write a PNG file: png_write(path, pixels, width, height, channels).
 *
 * 8 bits per channel, 1 channel (grey) or 3 channels (RGB), rows from top to bottom without gaps.
 * Plain C11 (also compiles as C++11), no dependencies but the C library. The compression is as
 * simple as can be of use: deflate with its fixed Huffman codes, where the only repetitions looked
 * for are those of the previous pixel and of the row above.
 *
 * Released under the MIT licence, like the rest of the project.
 */
#ifndef EXAMPLES_PNG_H
#define EXAMPLES_PNG_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A string of bits; deflate fills every byte from its lowest bit up. */
typedef struct png_bits {
    unsigned char *bytes;
    size_t size;
    uint32_t pending;
    int n_pending;
} png_bits;

static inline void png_put(png_bits *out, uint32_t value, int n_bits) {
    out->pending |= value << out->n_pending;
    for (out->n_pending += n_bits; out->n_pending >= 8; out->n_pending -= 8) {
        out->bytes[out->size++] = (unsigned char)(out->pending & 255);
        out->pending >>= 8;
    }
}

/* Huffman codes go highest bit first. */
static inline void png_put_code(png_bits *out, uint32_t code, int n_bits) {
    while (n_bits-- > 0) png_put(out, code >> n_bits & 1, 1);
}

/* A literal byte (0..255), the end of the data (256) or a length (257..285). */
static inline void png_put_symbol(png_bits *out, uint32_t symbol) {
    if (symbol < 144) png_put_code(out, 0x30 + symbol, 8);
    else if (symbol < 256) png_put_code(out, 0x190 + symbol - 144, 9);
    else if (symbol < 280) png_put_code(out, symbol - 256, 7);
    else png_put_code(out, 0xc0 + symbol - 280, 8);
}

/* "Copy length bytes (3..258) from distance bytes (1..32768) back." */
static inline void png_put_match(png_bits *out, uint32_t length, uint32_t distance) {
    const uint32_t l = length - 3, d = distance - 1;
    int extra = 0; /* low bits that follow the code as they are */
    while (l >> extra >= 8) extra++;
    if (l == 255) {
        png_put_symbol(out, 285);
    } else {
        png_put_symbol(out, 257 + 4 * (uint32_t)extra + (l >> extra));
        png_put(out, l & ((1u << extra) - 1), extra);
    }
    for (extra = 0; d >> extra >= 4;) extra++;
    png_put_code(out, 2 * (uint32_t)extra + (d >> extra), 5);
    png_put(out, d & ((1u << extra) - 1), extra);
}

/* How many bytes from `at` on repeat those `distance` bytes before; at most 258. */
static inline size_t png_match(const unsigned char *data, size_t size, size_t at, size_t distance) {
    size_t n = 0;
    if (distance > at || distance > 32768) return 0;
    while (n < 258 && at + n < size && data[at + n] == data[at + n - distance]) n++;
    return n;
}

/* zlib stream of data; out->bytes must have room for size * 9 / 8 + 16 bytes. */
static inline void png_compress(const unsigned char *data, size_t size, size_t pixel, size_t row,
                                png_bits *out) {
    uint32_t a = 1, b = 0; /* Adler-32 check sum */
    for (size_t i = 0; i < size; i++) {
        a = (a + data[i]) % 65521;
        b = (b + a) % 65521;
    }
    png_put(out, 0x0178, 16); /* zlib header */
    png_put(out, 3, 3);       /* last block; fixed codes */
    for (size_t i = 0; i < size;) {
        const size_t left = png_match(data, size, i, pixel), up = png_match(data, size, i, row);
        const size_t n = up > left + 1 ? up : left; /* the longer distance costs more bits */
        if (n >= 4) png_put_match(out, (uint32_t)n, (uint32_t)(n == left ? pixel : row));
        else png_put_symbol(out, data[i]);
        i += n >= 4 ? n : 1;
    }
    png_put_symbol(out, 256);
    png_put(out, 0, (8 - out->n_pending) % 8);
    for (int shift = 8; shift >= 0; shift -= 8) png_put(out, b >> shift & 255, 8);
    for (int shift = 8; shift >= 0; shift -= 8) png_put(out, a >> shift & 255, 8);
}

static inline void png_big_endian(unsigned char *p, uint32_t value) {
    for (int i = 0; i < 4; i++) p[i] = (unsigned char)(value >> (24 - 8 * i) & 255);
}

/* The bytes of a chunk: its length, its name and data, their CRC-32. */
static inline void png_chunk(FILE *file, const char *name, const unsigned char *data, size_t size) {
    unsigned char head[8], tail[4];
    uint32_t crc = 0xffffffffu;
    png_big_endian(head, (uint32_t)size);
    memcpy(head + 4, name, 4);
    for (size_t i = 0; i < size + 4; i++) {
        crc ^= i < 4 ? head[4 + i] : data[i - 4];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    png_big_endian(tail, ~crc);
    fwrite(head, 1, 8, file);
    if (size > 0) fwrite(data, 1, size, file);
    fwrite(tail, 1, 4, file);
}

/* Returns 0, or 1 if the arguments make no sense, memory ran out or the file was not written. */
static inline int png_write(const char *path, const unsigned char *pixels, int width, int height,
                            int channels) {
    if (width < 1 || height < 1 || (channels != 1 && channels != 3)) return 1;
    const size_t line = (size_t)width * (size_t)channels;
    if (width > 0x7fffffff / 3 - 1 || line + 1 > 0x40000000u / (size_t)height)
        return 1; /* more than a gigabyte */
    const size_t size = (line + 1) * (size_t)height;
    unsigned char *data = (unsigned char *)malloc(size);
    png_bits out = {(unsigned char *)malloc(size / 8 * 9 + 32), 0, 0, 0};
    FILE *file = data != NULL && out.bytes != NULL ? fopen(path, "wb") : NULL;
    int failed = file == NULL;
    if (!failed) {
        unsigned char header[13] = {0};
        for (size_t y = 0; y < (size_t)height; y++) {
            data[y * (line + 1)] = 0; /* every row starts with the number of its filter: none */
            memcpy(data + y * (line + 1) + 1, pixels + y * line, line);
        }
        png_compress(data, size, (size_t)channels, line + 1, &out);
        png_big_endian(header, (uint32_t)width);
        png_big_endian(header + 4, (uint32_t)height);
        header[8] = 8; /* bits per channel */
        header[9] = channels == 3 ? 2 : 0;
        fwrite("\x89PNG\r\n\x1a\n", 1, 8, file);
        png_chunk(file, "IHDR", header, sizeof header);
        png_chunk(file, "IDAT", out.bytes, out.size);
        png_chunk(file, "IEND", NULL, 0);
        failed = ferror(file) != 0;
        failed |= fclose(file) != 0;
    }
    free(data);
    free(out.bytes);
    return failed;
}

#endif /* EXAMPLES_PNG_H */
