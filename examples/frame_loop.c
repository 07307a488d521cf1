/* frame_loop.c: a game that makes its world while it is played, in some milliseconds of every frame.

       make frame-loop      or: build/frame_loop [EVALUATIONS]: so many in each frame, whatever time they take

   The world is a cave, in chunks. Every chunk in sight is a run of its own, which works in the map itself. One that the player
   has passed before it is done is cancelled. A slider sets the steps. The game is saved while chunks are on their way,
   played to the end, loaded, and played again. A line of output is a frame: # is rock, . is air, ~ is in between. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PLACES = 8, ROWS = 8192, CELLS = 8, SIGHT = 3, JOBS = 4 };
static const double budget = 0.004; /* seconds per frame */
static int evaluations;             /* per frame; 0: as many as the budget allows */
/* Where the player is, frame by frame: walks, runs, walks. */
static const char path[] = "000000111222334666677777";

/* What a savegame has, beside the runs. */
static struct world {
    int frame, steps, turn, count; /* count: chunks on their way, */
    int place[SIGHT];              /* and where */
    int made[PLACES];
    dk_real map[PLACES][ROWS * CELLS];
} world, ended;
static dk_plan plan;
static dk_run run[SIGHT]; /* may be moved: only their memory and the map stay where they are */
static dk_eval eval[SIGHT];

/* ------------------------------------------------------------------------------- the job system */

typedef struct job {
    void (*task)(void *arg, int i);
    void *arg;
    int i, started;
    pthread_t thread;
} job;

static void *do_job(void *v) {
    job *j = v;
    return j->task(j->arg, j->i), NULL;
}

/* Your engine has such a function, with threads that wait already. The library gives it long vectors, 65536 numbers or more. */
static void parallel_for(void *user, int n, void (*task)(void *arg, int i), void *arg) {
    job jobs[JOBS];
    (void)user;
    for (int i = 0; i < n; i++) {
        jobs[i] = (job){.task = task, .arg = arg, .i = i};
        jobs[i].started = i > 0 && !pthread_create(&jobs[i].thread, NULL, do_job, &jobs[i]);
    }
    for (int i = 0; i < n; i++)
        if (jobs[i].started) pthread_join(jobs[i].thread, NULL);
        else do_job(&jobs[i]);
}

/* ---------------------------------------------------------------------------------- the network */

/* The odds of rock in a cell, from those in the cell beside it: they are alike with this probability. */
static double beside(double odds) {
    const double alike = 0.8;
    return (alike * odds + 1 - alike) / ((1 - alike) * odds + alike);
}

/* A row is a Markov chain of cells, 1 or -1. What a cell shows, x = alpha cell + sigma noise, multiplies its odds by
   exp(2 alpha x/sigma^2). So the odds are those from the left, times its own, times those from the right. */
static void denoise_rows(void *arg, int part) {
    const dk_eval *e = arg;
    const double to_odds = 2 * e->level.alpha / (e->level.sigma * e->level.sigma);
    for (int r = part * (ROWS / JOBS); r < (part + 1) * (ROWS / JOBS); r++) {
        const dk_real *x = e->input + r * CELLS;
        double own[CELLS], left[CELLS], right = 1;
        for (int i = 0; i < CELLS; i++) {
            own[i] = exp(fmax(-40, fmin(40, to_odds * (double)x[i])));
            left[i] = i ? beside(own[i - 1] * left[i - 1]) : 1;
        }
        for (int i = CELLS - 1; i >= 0; i--) {
            double odds = left[i] * own[i] * right;
            e->output[r * CELLS + i] = (dk_real)((odds - 1) / (odds + 1)); /* the mean of the cell */
            right = beside(own[i] * right);
        }
    }
}

/* -------------------------------------------------------------------------------------- the game */

static void check(dk_status status, const char *message) {
    if (status) fprintf(stderr, "frame_loop: %s\n", message), exit(1);
}

static dk_config config(int place) {
    dk_config c = {0};
    c.schedule = dk_flow(1), c.prediction = DK_PREDICT_X0;
    c.steps = world.steps, c.dim = CELLS, c.batch = ROWS;
    c.seed = 3, c.first_sample = (uint64_t)place * ROWS; /* a place looks the same whenever it is made */
    c.parallel = parallel_for, c.threads = JOBS;
    return c;
}

static void begin(int i, int place) {
    dk_config c = config(place);
    check(dk_begin_plan(&run[i], &plan, &c, world.map[place], NULL, 0), run[i].message);
    world.place[i] = place;
}

/* At any time: over, or cancelled. The last run moves into the gap. */
static void leave(int i) {
    dk_end(&run[i]);
    int last = --world.count;
    run[i] = run[last], eval[i] = eval[last], world.place[i] = world.place[last];
}

/* A plan may go once its runs have ended. What is on its way begins again, in the next frame. */
static void set_steps(int steps) {
    while (world.count) leave(0);
    world.steps = steps;
    dk_config c = config(0);
    check(dk_record(&plan, &c), dk_message(&c)); /* instead of the plan before, whose memory is given back */
}

static void look(int first) {
    for (int i = world.count; i-- > 0;)
        if (world.place[i] < first) leave(i);
    for (int place = first; place < first + SIGHT && place < PLACES; place++) {
        int known = world.made[place];
        for (int i = 0; i < world.count; i++) known |= world.place[i] == place;
        if (known) continue;
        int i = world.count++;
        begin(i, place);
        dk_next(&run[i], &eval[i]);
    }
}

static double seconds(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* One evaluation after the other, of all chunks in turn, while there is time. */
static int work(void) {
    int done = 0;
    for (double end = seconds() + budget; world.count && (evaluations ? done < evaluations : seconds() < end);
         done++) {
        int i = world.turn++ % world.count;
        parallel_for(NULL, JOBS, denoise_rows, &eval[i]);
        if (dk_next(&run[i], &eval[i])) continue;
        check(run[i].status, run[i].message);
        world.made[world.place[i]] = 1;
        leave(i);
    }
    return done;
}

/* The uppermost row, also of what is still half noise. */
static void draw(int done) {
    printf("frame %2d: %2d evaluations  |", world.frame, done);
    for (int place = 0; place < PLACES; place++) {
        const dk_real *x = world.made[place] ? world.map[place] : NULL;
        for (int i = 0; i < world.count; i++)
            if (world.place[i] == place) x = dk_state(&run[i]);
        for (int i = 0; i < CELLS; i++)
            putchar(!x ? ' ' : x[i] > (dk_real)0.5 ? '#' : x[i] < (dk_real)-0.5 ? '.' : '~');
    }
    printf("|\n");
}

static void play(int until) {
    for (; world.frame < until; world.frame++) {
        look(path[world.frame] - '0');
        draw(work());
    }
}

/* ---------------------------------------------------------------------------------- the savegame */

static void save(FILE *f) {
    fwrite(&world, sizeof world, 1, f);
    for (int i = 0; i < world.count; i++) {
        size_t size = dk_save_size(&run[i]);
        void *bytes = malloc(size);
        check(bytes ? dk_save(&run[i], bytes, size) : DK_ERROR_MEMORY, run[i].message);
        fwrite(&size, sizeof size, 1, f), fwrite(bytes, 1, size, f);
        free(bytes);
    }
}

static void load(FILE *f) {
    size_t size = 0;
    set_steps(world.steps); /* ends all runs */
    if (fread(&world, sizeof world, 1, f) != 1) check(DK_ERROR_SAVED, "the savegame is cut");
    int count = world.count;
    world.count = 0; /* they are begun below */
    set_steps(world.steps);
    for (; world.count < count; world.count++) {
        int i = world.count;
        void *bytes = fread(&size, sizeof size, 1, f) == 1 ? malloc(size) : NULL;
        if (!bytes || fread(bytes, 1, size, f) != size) check(DK_ERROR_SAVED, "the savegame is cut");
        begin(i, world.place[i]);
        check(dk_load(&run[i], bytes, size), run[i].message); /* damage is found, and named */
        free(bytes);
        dk_next(&run[i], &eval[i]); /* asks for the evaluation that was open */
    }
}

int main(int argc, char **argv) {
    if (argc > 2 || (argc == 2 && (evaluations = atoi(argv[1])) < 1))
        return fprintf(stderr, "usage: frame_loop [EVALUATIONS]\n"), 2;
    const int end = (int)strlen(path);
    FILE *f = tmpfile();
    if (!f) return perror("frame_loop: savegame"), 1;

    set_steps(8), play(9);
    printf("slider: 10 steps\n");
    set_steps(10), play(14);
    printf("saved\n");
    save(f), play(end);
    ended = world;
    printf("loaded\n");
    rewind(f), load(f), play(end);

    int twice = 0, same = 0;
    for (int p = 0; p < PLACES; p++) {
        if (!world.made[p] || !ended.made[p]) continue;
        twice++, same += !memcmp(world.map[p], ended.map[p], sizeof ended.map[p]);
    }
    printf("%d chunks were made both times; %d of them are the same to the bit\n", twice, same);
    while (world.count) leave(0);
    dk_plan_free(&plan);
    return fclose(f) || same != twice;
}
