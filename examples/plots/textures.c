/* textures.c: pictures of what texture.c makes, from examples that procedures draw.

       make texture      or: build/textures DOCS [EXAMPLES], from the project's root

   DOCS/texture.png, DOCS/terrain.png, and the examples to try it with:
   EXAMPLES/stone.ppm    cobblestones with moss between them, 128 x 128
   EXAMPLES/heights.pgm  mountains, 128 x 128, 16 bits */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include "../letters.h"
#include "../png.h"
#include "../texture.h"

enum { SIZE = 128 };

static double clamp(double v, double low, double high) { return v < low ? low : v > high ? high : v; }
static double smooth(double from, double to, double v) {
    v = clamp((v - from) / (to - from), 0, 1);
    return v * v * (3 - 2 * v);
}
static double mix(double a, double b, double share) { return a + (b - a) * share; }

/* A number from 0 to 1 that belongs to a place, for every `which` another. */
static double hash(int x, int y, uint32_t which) {
    uint32_t h = (uint32_t)x * 0x8da6b343u ^ (uint32_t)y * 0xd8163841u ^ which * 0xcb1ab31fu;
    h ^= h >> 15, h *= 0x2c1b3c6du, h ^= h >> 12, h *= 0x297a2d39u, h ^= h >> 15;
    return h / 4294967295.0;
}

/* Smooth noise from 0 to 1 whose features are one unit wide. */
static double noise(double x, double y, uint32_t which) {
    double fx = floor(x), fy = floor(y), u = smooth(0, 1, x - fx), v = smooth(0, 1, y - fy);
    int i = (int)fx, j = (int)fy;
    return mix(mix(hash(i, j, which), hash(i + 1, j, which), u),
               mix(hash(i, j + 1, which), hash(i + 1, j + 1, which), u), v);
}

/* Octaves of it, each twice as fine and half as strong. */
static double fractal(double x, double y, int octaves, uint32_t which) {
    double sum = 0, weight = 0.5;
    for (int k = 0; k < octaves; k++, x *= 2, y *= 2, weight /= 2)
        sum += weight * noise(x, y, which + (uint32_t)k);
    return sum / (1 - weight * 2);
}

/* Distances to the nearest and second nearest of points that are scattered one to a unit square; *id names the nearest. */
static void cells(double x, double y, double *near, double *next, int *id) {
    *near = *next = 9;
    for (int j = (int)floor(y) - 1; j <= (int)floor(y) + 1; j++)
        for (int i = (int)floor(x) - 1; i <= (int)floor(x) + 1; i++) {
            double px = i + 0.5 + 0.75 * (hash(i, j, 1) - 0.5), py = j + 0.5 + 0.75 * (hash(i, j, 2) - 0.5);
            double d = hypot(px - x, py - y);
            if (d < *near) *next = *near, *near = d, *id = i * 1000 + j;
            else if (d < *next) *next = d;
        }
}

/* Height of the cobbles, 0 in the gaps, and which stone it is. */
static double stone_height(double x, double y, int *id) {
    double near, next, wx = x + 3 * (fractal(x / 9, y / 9, 3, 20) - 0.5),
                       wy = y + 3 * (fractal(x / 9, y / 9, 3, 30) - 0.5);
    cells(wx / 15, wy / 15, &near, &next, id);
    double dome = smooth(0.02, 0.34, next - near);
    return dome * (0.75 + 0.25 * fractal(x / 5, y / 5, 4, 40)) + 0.10 * fractal(x / 2.5, y / 2.5, 3, 50);
}

/* Fills an example, and writes it as a PPM or PGM file where there is a path. */
static texture_image stone_example(const char *path) {
    FILE *f = path ? fopen(path, "wb") : NULL;
    texture_image p = texture_new_image(SIZE, SIZE, 3);
    if (f) fprintf(f, "P6\n%d %d\n255\n", SIZE, SIZE);
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++) {
            int id, other;
            double h = stone_height(x, y, &id);
            double dx = stone_height(x + 1, y, &other) - h, dy = stone_height(x, y + 1, &other) - h;
            double light =
                clamp(0.62 - 2.2 * dx - 2.6 * dy, 0.12, 1.25) * (0.45 + 0.55 * smooth(0.05, 0.5, h));
            double tone = hash(id, 0, 60), grain = fractal(x / 1.5, y / 1.5, 2, 70) - 0.5;
            double moss = 0.9 * smooth(0.45, 0.62, fractal(x / 14.0, y / 14.0, 4, 80) + 0.45 * (0.42 - h));
            const double stone[3] = {mix(118, 150, tone), mix(112, 140, tone), mix(104, 128, tone)};
            const double green[3] = {84 + 40 * grain, 115 + 46 * grain, 43 + 18 * grain};
            for (int k = 0; k < 3; k++) {
                int v = (int)clamp(mix(stone[k] * (1 + 0.35 * grain), green[k], moss) * light * 1.25, 0, 255);
                texture_at(&p, x, y)[k] = (dk_real)(2 * v / 255.0 - 1);
                if (f) fputc(v, f);
            }
        }
    if (f) fclose(f);
    return p;
}

static texture_image heights_example(const char *path) {
    FILE *f = path ? fopen(path, "wb") : NULL;
    texture_image p = texture_new_image(SIZE, SIZE, 1);
    if (f) fprintf(f, "P5\n%d %d\n65535\n", SIZE, SIZE);
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++) { /* ridges: noise folded at its middle, finer where it is higher */
            double sum = 0, weight = 0.5, before = 1, scale = 1.0 / 26;
            double wx = x + 8 * fractal(x / 16.0, y / 16.0, 3, 90),
                   wy = y + 8 * fractal(x / 16.0, y / 16.0, 3, 95);
            for (int k = 0; k < 4; k++, weight *= 0.45, scale *= 2) {
                double ridge = 1 - fabs(2 * noise(wx * scale, wy * scale, 100 + (uint32_t)k) - 1);
                sum += weight * before * ridge * ridge;
                before = clamp(2 * ridge * before, 0, 1);
            }
            int v = (int)(65535 * clamp(0.1 + 0.95 * sum, 0, 1));
            *texture_at(&p, x, y) = (dk_real)(2 * v / 65535.0 - 1);
            if (f) fputc(v >> 8, f), fputc(v & 255, f);
        }
    if (f) fclose(f);
    return p;
}

/* ----------------------------------------------------------------------------------- the pictures */

enum { TOP = 24, GAP = 16 };

typedef struct sheet {
    int width, height;
    unsigned char *pixels;
} sheet;

static sheet new_sheet(int width, int height) {
    sheet s = {width, height, (unsigned char *)texture_memory((size_t)(width * height), 3)};
    memset(s.pixels, 255, (size_t)(3 * width * height));
    return s;
}
static void title(sheet *s, int x, const char *text) {
    letters_write(s->pixels, s->width, s->height, 3, x, 4, 2, 40, text);
}

/* Heights as a landscape that is lit from the upper left: green below, then rock, snow above. */
static void lit(const texture_image *p, int x, int y, double *colour) {
    static const double colours[4][3] = {{70, 95, 60}, {120, 118, 72}, {130, 116, 100}, {240, 244, 248}};
    const int left = x < p->width - 1 ? x : x - 1, up = y < p->height - 1 ? y : y - 1;
    double dx = 13 * (double)(*texture_at(p, left + 1, y) - *texture_at(p, left, y));
    double dy = 13 * (double)(*texture_at(p, x, up + 1) - *texture_at(p, x, up));
    double light = 0.25 + 0.95 * fmax(0, (0.5 * dx + 0.45 * dy + 0.74) / sqrt(1 + dx * dx + dy * dy));
    double place = 3 * clamp(((double)*texture_at(p, x, y) + 0.85) / 1.6, 0, 0.9999);
    for (int k = 0; k < 3; k++)
        colour[k] = light * mix(colours[(int)place][k], colours[(int)place + 1][k], place - (int)place);
}

/* Puts a picture on the sheet, zoom times as large, its pixels moved by `shift` to the left and up, round its edges. */
static void put(sheet *s, const texture_image *p, int left, int top, int zoom, int shift) {
    for (int j = 0; j < p->height * zoom; j++)
        for (int i = 0; i < p->width * zoom; i++) {
            double colour[3];
            const int x = (i / zoom + shift) % p->width, y = (j / zoom + shift) % p->height;
            if (p->channels == 1) lit(p, x, y, colour);
            else
                for (int k = 0; k < 3; k++) colour[k] = 127.5 * ((double)texture_at(p, x, y)[k] + 1);
            for (int k = 0; k < 3; k++)
                s->pixels[((top + j) * s->width + left + i) * 3 + k] =
                    (unsigned char)clamp(colour[k] + 0.5, 0, 255);
        }
}

static int write_sheet(sheet *s, const char *folder, const char *name) {
    char path[500];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int failed = png_write(path, s->pixels, s->width, s->height, 3);
    if (failed) fprintf(stderr, "textures: cannot write %s\n", path);
    free(s->pixels);
    return failed;
}

static int draw_texture(const char *docs, const char *path) {
    const texture_image example = stone_example(path);
    const texture_window w = {0, 0, 2 * SIZE, 2 * SIZE, 2 * SIZE, 2 * SIZE};
    texture t = texture_learn(&example, 0);
    const texture_image made = texture_make(&t, &w, 1, 1);
    sheet s = new_sheet(3 * SIZE + GAP, TOP + 2 * SIZE);
    title(&s, 0, "example");
    put(&s, &example, 0, TOP, 1, 0);
    /* Its edges are shown where they meet: in the middle. */
    title(&s, SIZE + GAP, "made of it");
    put(&s, &made, SIZE + GAP, TOP, 1, SIZE);
    free(example.pixel), free(made.pixel), texture_free(&t);
    return write_sheet(&s, docs, "texture.png");
}

static int draw_terrain(const char *docs, const char *path) {
    enum { ZOOM = 2, COLUMNS = 4, ROWS = 2, TILE = 64, BETWEEN = 4 };
    const texture_image example = heights_example(path);
    texture t = texture_learn(&example, 1);
    sheet s = new_sheet(ZOOM * SIZE + GAP + COLUMNS * (ZOOM * TILE + BETWEEN),
                        TOP + ROWS * (ZOOM * TILE + BETWEEN));
    title(&s, 0, "the example");
    put(&s, &example, 0, TOP, ZOOM, 0);
    title(&s, ZOOM * SIZE + GAP, "eight tiles, each made alone");
    for (int k = 0; k < COLUMNS * ROWS; k++) {
        const int i = k % COLUMNS, j = k / COLUMNS;
        const texture_window w = {i * TILE, j * TILE, TILE, TILE, 0, 0};
        const texture_image tile = texture_make(&t, &w, 1, 1);
        put(&s, &tile, ZOOM * SIZE + GAP + i * (ZOOM * TILE + BETWEEN), TOP + j * (ZOOM * TILE + BETWEEN),
            ZOOM, 0);
        free(tile.pixel);
    }
    free(example.pixel), texture_free(&t);
    return write_sheet(&s, docs, "terrain.png");
}

int main(int argc, char **argv) {
    const char *docs = argc > 1 ? argv[1] : "docs";
    char stone[500], heights[500];
    snprintf(stone, sizeof stone, "%s/stone.ppm", argc > 2 ? argv[2] : ".");
    snprintf(heights, sizeof heights, "%s/heights.pgm", argc > 2 ? argv[2] : ".");
    if (!strcmp(docs, "-")) { /* the examples alone */
        free(stone_example(stone).pixel), free(heights_example(heights).pixel);
        return 0;
    }
    return draw_texture(docs, argc > 2 ? stone : NULL) || draw_terrain(docs, argc > 2 ? heights : NULL);
}
