/* engine_window.c: digits that form in a window, with SDL2.

       make engine-window      or: build/engine_window [--frames N PICTURE], from the project's root

   Left and right change the sampler, up and down the guidance scale, 0 to 9 the class, A asks for all classes, space
   draws other digits, Q ends. A key starts all cells again, with the same noise: so one sees what it changes.
   --frames: N frames with 8 network rows each, whatever time they take; the last goes into a PNG, with the number of
   evaluations that every row of digits has had. docs/engine.png is frame 26. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include "engine.h"
#include <SDL.h>

enum { COLUMNS = 6, ROWS = ENGINE_SLOTS / COLUMNS, STEPS = 12, FIXED_ROWS = 8, HOLD = 45, GAP = 2, ZOOM = 3 };
enum { CELL = UNET_SIZE + GAP, WIDTH = COLUMNS * CELL + GAP, HEIGHT = ROWS * CELL + GAP };
static const double frame_seconds = 1.0 / 30, budget = 0.025;

static const char *const samplers[] = {"dpmpp_2m",     "euler",           "heun", "unipc",
                                       "dpmpp_2m_sde", "euler_ancestral", "lcm"};
static const double guidances[] = {0, 1.5, 2, 3, 5}; /* 0: without */
enum { SAMPLERS = sizeof samplers / sizeof *samplers, GUIDANCES = sizeof guidances / sizeof *guidances };

static engine g;
static dk_plan plans[SAMPLERS][GUIDANCES];
static Uint32 pixels[HEIGHT][WIDTH];
static int sampler, guidance, class_wanted = DIGITS_NO_CLASS, generation;
static int rest[ENGINE_SLOTS]; /* frames for which a finished digit is still shown */
static uint64_t number[ENGINE_SLOTS];

/* All plans are recorded at the start, so that a key allocates nothing. */
static int record(void) {
    digits d = {g.net, NULL, 0};
    for (int i = 0; i < SAMPLERS * GUIDANCES; i++) {
        dk_config c = digits_config(&d);
        c.sampler = dk_sampler_named(samplers[i / GUIDANCES]);
        c.guidance.scale = guidances[i % GUIDANCES], c.guidance.doubled = 1;
        c.steps = STEPS;
        if (dk_record(&plans[i / GUIDANCES][i % GUIDANCES], &c))
            return fprintf(stderr, "engine: %s\n", dk_message(&c)), 1;
    }
    return 0;
}

/* Empties all cells; one in each frame is filled again. */
static void restart(void) {
    memset(pixels, 0xe0, sizeof pixels);
    for (int i = 0; i < ENGINE_SLOTS; i++) {
        g.slot[i].busy = rest[i] = 0;
        number[i] = (uint64_t)(i + generation * ENGINE_SLOTS);
    }
}

/* 0: the program ends. */
static int handle_key(SDL_Keycode key) {
    switch (key) {
    case SDLK_q:
    case SDLK_ESCAPE: return 0;
    case SDLK_RIGHT: sampler = (sampler + 1) % SAMPLERS; break;
    case SDLK_LEFT: sampler = (sampler + SAMPLERS - 1) % SAMPLERS; break;
    case SDLK_UP: guidance = guidance + 1 < GUIDANCES ? guidance + 1 : guidance; break;
    case SDLK_DOWN: guidance = guidance > 0 ? guidance - 1 : 0; break;
    case SDLK_a: class_wanted = DIGITS_NO_CLASS; break;
    case SDLK_SPACE: generation++; break;
    default:
        if (key < SDLK_0 || key > SDLK_9) return 1;
        class_wanted = (int)(key - SDLK_0);
    }
    restart();
    return 1;
}

/* Starts one digit where a cell is free. Returns 1 for an error. */
static int fill_cell(void) {
    for (int i = 0; i < ENGINE_SLOTS; i++)
        if (!g.slot[i].busy && !rest[i]) {
            int label = class_wanted == DIGITS_NO_CLASS ? (int)(number[i] % UNET_CLASSES) : class_wanted;
            if (engine_start(&g, i, &plans[sampler][guidance], number[i], label)) return 1;
            rest[i] = HOLD, number[i] += ENGINE_SLOTS;
            return 0;
        }
    return 0;
}

/* A cell is the newest denoised estimate, dark ink on white, above a bar that grows with the evaluations. */
static void draw_cell(int i) {
    const engine_slot *s = &g.slot[i];
    int x0 = GAP + i % COLUMNS * CELL, y0 = GAP + i / COLUMNS * CELL;
    for (int k = 0; k < UNET_PIXELS; k++) {
        double white = 0.5 - 0.5 * (double)s->estimate[k];
        Uint32 grey = (Uint32)(255 * (white > 1 ? 1 : white < 0 ? 0 : white));
        pixels[y0 + k / UNET_SIZE][x0 + k % UNET_SIZE] = grey << 16 | grey << 8 | grey;
    }
    int length = s->busy ? UNET_SIZE * s->eval.call / s->eval.calls : 0;
    for (int k = 0; k < UNET_SIZE; k++) pixels[y0 + UNET_SIZE][x0 + k] = k < length ? 0x3070c0 : 0xe0e0e0;
}

static int save_picture(SDL_Renderer *renderer, SDL_Texture *texture, const char *path) {
    enum { LABELS = 180, W = LABELS + WIDTH * ZOOM, H = HEIGHT * ZOOM };
    static unsigned char rgb[H * W * 3];
    memset(rgb, 0xe0, sizeof rgb);
    for (int row = 0; row < ROWS; row++) {
        int least = STEPS, most = 0;
        char label[40];
        for (int i = row * COLUMNS; i < (row + 1) * COLUMNS; i++) {
            int made = g.slot[i].busy ? g.slot[i].eval.call : rest[i] ? STEPS : 0;
            least = made < least ? made : least, most = made > most ? made : most;
        }
        if (least < most) snprintf(label, sizeof label, "%d to %d of %d", least, most, STEPS);
        else snprintf(label, sizeof label, "%d of %d", most, STEPS);
        letters_write(rgb, W, H, 3, ZOOM * GAP, ZOOM * (GAP + row * CELL + UNET_SIZE / 2) - LETTERS_HIGH, 2, 32, label);
    }
    return SDL_RenderCopy(renderer, texture, NULL, NULL) ||
           SDL_RenderReadPixels(renderer, NULL, SDL_PIXELFORMAT_RGB24, rgb + 3 * LABELS, W * 3) ||
           png_write(path, rgb, W, H, 3);
}

static int run(SDL_Window *window, SDL_Renderer *renderer, SDL_Texture *texture, int frames) {
    double seconds_per_row = budget;
    restart();
    for (int frame = 1; !frames || frame <= frames; frame++) {
        double start = digits_seconds();
        for (SDL_Event event; SDL_PollEvent(&event);)
            if (event.type == SDL_QUIT || (event.type == SDL_KEYDOWN && !handle_key(event.key.keysym.sym)))
                return 0;

        if (fill_cell()) return fprintf(stderr, "engine: cannot start a digit\n"), 1;
        int rows = engine_frame(&g, frames ? FIXED_ROWS : engine_rows(budget, seconds_per_row));
        double seconds = digits_seconds() - start;
        if (rows) seconds_per_row += 0.1 * (seconds / rows - seconds_per_row);

        for (int i = 0; i < ENGINE_SLOTS; i++) {
            if (g.slot[i].run.status) return fprintf(stderr, "engine: %s\n", g.slot[i].run.message), 1;
            if (g.slot[i].busy) draw_cell(i);
            else if (rest[i]) draw_cell(i), rest[i]--;
        }
        SDL_UpdateTexture(texture, NULL, pixels, sizeof *pixels);
        SDL_RenderCopy(renderer, texture, NULL, NULL);
        SDL_RenderPresent(renderer);

        char title[128], class_text[8];
        snprintf(class_text, sizeof class_text, class_wanted == DIGITS_NO_CLASS ? "all" : "%d", class_wanted);
        snprintf(title, sizeof title, "%s   guidance %g   class %s   %.0f ms", samplers[sampler],
                 guidance ? guidances[guidance] : 1, class_text, 1e3 * seconds);
        SDL_SetWindowTitle(window, title);
        double left = frame_seconds - (digits_seconds() - start);
        if (!frames && left > 0) SDL_Delay((Uint32)(1e3 * left));
    }
    return 0;
}

int main(int argc, char **argv) {
    int frames = argc == 4 && !strcmp(argv[1], "--frames") ? atoi(argv[2]) : 0;
    if (argc != 1 && frames < 1) return fprintf(stderr, "usage: engine_window [--frames N PICTURE]\n"), 2;
    const char *wrong = unet_load(&g.net, "examples/digits/weights.bin");
    if (wrong) return fprintf(stderr, "engine: examples/digits/weights.bin: %s\n", wrong), 1;
    if (record()) return 1;

    SDL_Window *window = NULL;
    SDL_Renderer *renderer = NULL;
    SDL_Texture *texture = NULL;
    int failed = SDL_Init(SDL_INIT_VIDEO) ||
                 SDL_CreateWindowAndRenderer(WIDTH * ZOOM, HEIGHT * ZOOM, 0, &window, &renderer) ||
                 !(texture = SDL_CreateTexture(renderer, SDL_PIXELFORMAT_RGB888, SDL_TEXTUREACCESS_STREAMING,
                                               WIDTH, HEIGHT));
    if (failed) fprintf(stderr, "engine: %s\n", SDL_GetError());
    else
        failed =
            run(window, renderer, texture, frames) || (frames && save_picture(renderer, texture, argv[3]));
    SDL_Quit();
    for (int i = 0; i < SAMPLERS * GUIDANCES; i++) dk_plan_free(&plans[i / GUIDANCES][i % GUIDANCES]);
    unet_free(&g.net);
    return failed;
}
