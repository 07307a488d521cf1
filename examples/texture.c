/* texture.c: makes a larger picture out of a small one, without a network; texture.h says how.

       texture EXAMPLE OUT                      twice as wide and high, to be laid side by side without a seam
       texture EXAMPLE OUT --tile X,Y           tile X, Y of a picture without end: tiles agree where they meet

       --size WxH   of OUT, in pixels
       --seed N     another picture
       --terrain    EXAMPLE is a height field: only how heights differ from those around them is taken from it

   EXAMPLE is a PNG, PPM or PGM file of 8 or 16 bits. OUT is a PNG of 8 bits if it is called so, else a PPM, or a PGM if it is
   grey; a height field has 16 bits then. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include "png.h"
#include "png_read.h"
#include "texture.h"

#include <stdarg.h>

static void fail(const char *format, ...) {
    va_list arguments;
    fprintf(stderr, "texture: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    exit(1);
}

/* The next number of a PPM header, where a comment may stand before it; -1 if there is none. */
static int header_number(FILE *f) {
    int c = fgetc(f), n = -1;
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '#') {
        if (c == '#')
            while (c != '\n' && c != EOF) c = fgetc(f);
        else c = fgetc(f);
    }
    for (; c >= '0' && c <= '9' && n < 100000; c = fgetc(f)) n = 10 * (n < 0 ? 0 : n) + c - '0';
    return n; /* the one character behind it is read, too */
}

/* The bytes of a file. */
static unsigned char *read_file(const char *path, size_t *size) {
    enum { MOST = 1 << 26 };
    FILE *f = fopen(path, "rb");
    if (!f) fail("cannot read %s", path);
    unsigned char *bytes = (unsigned char *)texture_memory(MOST, 1);
    *size = fread(bytes, 1, MOST, f);
    fclose(f);
    return bytes;
}

static void check_size(const char *path, int width, int height) {
    const int least = TEXTURE_SIDE + 3;
    if (width < least || height < least || width > 1024 || height > 1024)
        fail("%s has %d x %d pixels: %d to 1024 are allowed to each side", path, width, height, least);
}

static texture_image read_png(const char *path) {
    png_picture png;
    size_t size;
    unsigned char *bytes = read_file(path, &size);
    const char *wrong = png_read(bytes, size, &png);
    if (wrong) fail("%s: %s", path, wrong);
    check_size(path, png.width, png.height);
    texture_image p = texture_new_image(png.width, png.height, png.channels);
    for (int i = 0; i < p.width * p.height * p.channels; i++)
        p.pixel[i] = (dk_real)(png.values[i] / 32767.5 - 1);
    free(bytes), free(png.values);
    return p;
}

static texture_image read_picture(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) fail("cannot read %s", path);
    const int magic = fgetc(f), kind = fgetc(f);
    if (magic == 0x89) {
        fclose(f);
        return read_png(path);
    }
    if (magic != 'P' || (kind != '5' && kind != '6'))
        fail("%s is neither PNG nor PPM nor PGM (P6, P5)", path);
    const int width = header_number(f), height = header_number(f), most = header_number(f);
    check_size(path, width, height);
    if (most < 1 || most > 65535) fail("%s: the brightest value is %d: 1 to 65535 are allowed", path, most);
    texture_image p = texture_new_image(width, height, kind == '6' ? 3 : 1);
    for (int i = 0; i < width * height * p.channels; i++) {
        int high = most > 255 ? fgetc(f) : 0, low = fgetc(f);
        if (low == EOF) fail("%s ends before its last pixel", path);
        p.pixel[i] = (dk_real)(2.0 * (256 * high + low) / most - 1);
    }
    fclose(f);
    return p;
}

static int level(dk_real v, int most) { return (int)(most * (fmin(fmax((double)v, -1), 1) + 1) / 2 + 0.5); }

static void write_picture(const char *path, const texture_image *p, int most) {
    const int count = p->width * p->height * p->channels;
    const size_t length = strlen(path);
    int failed = 1;
    if (length > 4 && !strcmp(path + length - 4, ".png")) {
        unsigned char *bytes = (unsigned char *)texture_memory((size_t)count, 1);
        for (int i = 0; i < count; i++) bytes[i] = (unsigned char)level(p->pixel[i], 255);
        failed = png_write(path, bytes, p->width, p->height, p->channels);
        free(bytes);
    } else {
        FILE *f = fopen(path, "wb");
        if (f) {
            fprintf(f, "P%d\n%d %d\n%d\n", p->channels == 3 ? 6 : 5, p->width, p->height, most);
            for (int i = 0; i < count; i++) {
                if (most > 255) fputc(level(p->pixel[i], most) >> 8, f);
                fputc(level(p->pixel[i], most) & 255, f);
            }
            failed = ferror(f) != 0;
            failed |= fclose(f) != 0;
        }
    }
    if (failed) fail("cannot write %s", path);
}

int main(int argc, char **argv) {
    int terrain = 0, tile = 0, tile_x = 0, tile_y = 0;
    uint64_t seed = 1;
    texture_window w = {0};
    if (argc < 3) {
        fprintf(stderr, "usage: texture EXAMPLE OUT [--size WxH] [--seed N] [--tile X,Y] [--terrain]\n");
        return 2;
    }
    for (int i = 3; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        char end;
        if (!strcmp(argv[i], "--terrain")) terrain = 1;
        else if (!strcmp(argv[i], "--size") && sscanf(value, "%dx%d%c", &w.width, &w.height, &end) == 2) i++;
        else if (!strcmp(argv[i], "--tile") && sscanf(value, "%d,%d%c", &tile_x, &tile_y, &end) == 2)
            tile = 1, i++;
        else if (!strcmp(argv[i], "--seed") && *value) seed = strtoull(value, NULL, 10), i++;
        else
            fail("%s %s makes no sense: --size 256x256, --tile 0,0, --seed 1 and --terrain are allowed",
                 argv[i], value);
    }
    texture_image example = read_picture(argv[1]);
    if (terrain && example.channels != 1)
        fail("%s has colours: --terrain takes heights, a grey picture", argv[1]);
    if (!w.width) w.width = 2 * example.width, w.height = 2 * example.height;
    texture t = texture_learn(&example, terrain);
    const int unit = 1 << (t.scales - 1);
    if (w.width < unit || w.height < unit || w.width > 8192 || w.height > 8192 || w.width % unit ||
        w.height % unit)
        fail("--size %dx%d: multiples of %d up to 8192 are allowed", w.width, w.height, unit);
    if (abs(tile_x) > 100000 || abs(tile_y) > 100000)
        fail("--tile %d,%d: -100000 to 100000 are allowed", tile_x, tile_y);
    w.x = tile_x * w.width, w.y = tile_y * w.height;
    if (!tile) w.period_x = w.width, w.period_y = w.height;
    texture_image out = texture_make(&t, &w, seed, 1);
    write_picture(argv[2], &out, terrain ? 65535 : 255);
    free(example.pixel), free(out.pixel), texture_free(&t);
    return 0;
}
