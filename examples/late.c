/* late.c: answers that come late and out of order.

       make late

   A network that serves many, on another thread, machine or GPU, answers when it likes. Here 24 runs are in flight at once. Each
   asks one question at a time: a dk_eval, whose input the server reads where it lies, and whose output it writes where it
   belongs. Only a pointer goes to and fro. The server answers the newest question first. Runs have different samplers, so
   they end at different times, too.

   Whatever the order, every result is what the same config gives alone, by dk_sample, to the bit. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { RUNS = 24, DIM = 256 };

/* A question and its answer. Neither state nor network's vectors are ever copied: eval points into the run's memory. */
typedef struct ticket {
    dk_run run;
    dk_eval eval;
    dk_real x[DIM];
    int asked; /* the number of this question among all */
} ticket;

/* Data are +1 or -1 in every element, as likely: D = E[x0 | x]. */
static int denoise(void *user, const dk_eval *e) {
    const double a = e->level.alpha, s = e->level.sigma;
    for (size_t i = 0; i < e->dim; i++) e->output[i] = (dk_real)tanh(a / (s * s) * (double)e->input[i]);
    return (void)user, 0;
}

/* ------------------------------------------------------------------- two queues between two threads */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
typedef struct queue {
    int count, closed;
    ticket *at[RUNS];
} queue;
static queue questions, answers;

static void push(queue *s, ticket *t) {
    pthread_mutex_lock(&lock);
    s->at[s->count++] = t;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* The newest, or the oldest; waits for one. NULL once the queue is closed. */
static ticket *pop(queue *s, int newest) {
    pthread_mutex_lock(&lock);
    while (!s->count && !s->closed) pthread_cond_wait(&changed, &lock);
    ticket *t = NULL;
    if (s->count) {
        int place = newest ? s->count - 1 : 0;
        t = s->at[place];
        memmove(s->at, s->at + !newest, (size_t)--s->count * sizeof *s->at);
    }
    pthread_mutex_unlock(&lock);
    return t;
}

static void close_queue(queue *s) {
    pthread_mutex_lock(&lock);
    s->closed = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void *serve(void *user) {
    for (ticket *t; (t = pop(&questions, 1));) {
        denoise(NULL, &t->eval);
        push(&answers, t);
    }
    return user;
}

/* --------------------------------------------------------------------------------------- the runs */

static dk_config config(int i) {
    static const char *const samplers[] = {"adams2", "heun", "dpmpp_2m_sde", "euler_a"};
    dk_config c = {0};
    c.schedule = dk_edm(0.002, 80), c.prediction = DK_PREDICT_X0;
    c.sampler = dk_sampler_named(samplers[i % 4]);
    c.steps = 6 + i % 5, c.dim = DIM, c.seed = 1, c.first_sample = (uint64_t)i;
    return c;
}

/* Takes a run on to its next question. 0: it is over. */
static int ask(ticket *t, int number) {
    if (!dk_next(&t->run, &t->eval)) return 0;
    t->asked = number;
    push(&questions, t);
    return 1;
}

int main(void) {
    static ticket tickets[RUNS];
    pthread_t server;
    int asked = 0, answered = 0, newest = -1, overtaken = 0, open = 0, same = 0;
    for (int i = 0; i < RUNS; i++) {
        ticket *t = &tickets[i];
        dk_config c = config(i);
        if (dk_begin(&t->run, &c, t->x, NULL, 0)) return fprintf(stderr, "late: %s\n", t->run.message), 1;
        open += ask(t, asked++);
    }
    if (pthread_create(&server, NULL, serve, NULL)) return fprintf(stderr, "late: no thread\n"), 1;
    while (open) { /* your program does something else until an answer is there */
        ticket *t = pop(&answers, 0);
        answered++;
        overtaken += t->asked < newest;
        if (t->asked > newest) newest = t->asked;
        if (!ask(t, asked++)) open--;
    }
    close_queue(&questions);
    pthread_join(server, NULL);

    for (int i = 0; i < RUNS; i++) {
        ticket *t = &tickets[i];
        dk_config c = config(i);
        dk_real alone[DIM];
        if (t->run.status) return fprintf(stderr, "late: run %d: %s\n", i, t->run.message), 1;
        if (dk_sample(&c, denoise, NULL, alone)) return fprintf(stderr, "late: %s\n", dk_message(&c)), 1;
        same += !memcmp(alone, t->x, sizeof alone);
        dk_end(&t->run);
    }
    printf("%d runs, %d answers, %d of them after one to a later question\n", RUNS, answered, overtaken);
    printf("%d results are those of runs alone, to the bit\n", same);
    return same != RUNS;
}
