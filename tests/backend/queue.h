/* A device that works late: calls put commands into a queue, which runs when somebody waits. Its memory is its own, and what it
   is given for x, mask and known are handles, at which there is nothing. C11 or C++11. */
#ifndef TESTS_QUEUE_H
#define TESTS_QUEUE_H

#include <stdlib.h>
#include <string.h>

enum { QUEUE_SLOTS = 64, QUEUE_TERMS = 48, QUEUE_SAMPLES = 8 };

typedef struct queue_command {
    int kind, slot; /* of what it makes */
    int terms, of_kind[QUEUE_TERMS], of_slot[QUEUE_TERMS];
    dk_real c[QUEUE_TERMS][QUEUE_SAMPLES];
    int mask; /* slot among what is given, or -1 */
    dk_real clip;
    int clips; /* to 0, too */
    int drawn; /* source and request say what */
    dk_noise_source source;
    dk_noise_request request;
    dk_real *noise; /* instead of terms */
    int look;       /* instead of making: is there something bad? */
} queue_command;

typedef struct queue_run {
    size_t size, dim;
    dk_number number;
    dk_real *buffer[QUEUE_SLOTS], *local[QUEUE_SLOTS], *given[2];
    uint16_t *half[QUEUE_SLOTS];
    queue_command *command;
    int count, room;
    size_t bad;
} queue_run;

/* user of the back end */
typedef struct queue_device {
    int late;  /* does not wait for checks */
    int lost;  /* so many calls from now the device is lost */
    int begun, ended, waits;
} queue_device;

static inline const dk_real *queue_handle(const dk_real *v) { return (const dk_real *)~(uintptr_t)v; }

static inline void *queue_at(queue_run *q, int kind, int slot) {
    return kind == DK_VALUE_GIVEN    ? (void *)q->given[slot]
           : kind == DK_VALUE_BUFFER ? (void *)q->buffer[slot]
           : kind == DK_VALUE_HALF   ? (void *)q->half[slot]
                                     : (void *)q->local[slot];
}

static inline dk_real queue_element(queue_run *q, int kind, int slot, size_t i) {
    dk_real v;
    if (kind != DK_VALUE_HALF) return ((const dk_real *)queue_at(q, (int)kind, slot))[i];
    dk_from_half(q->number, q->half[slot] + i, &v, 1);
    return v;
}

static inline void queue_execute(queue_run *q, const queue_command *k) {
    if (k->drawn) dk_noise_fill(&k->source, &k->request, (dk_real *)queue_at(q, k->kind, k->slot));
    if (k->noise) memcpy(queue_at(q, k->kind, k->slot), k->noise, q->size * sizeof(dk_real));
    for (size_t i = 0; !k->drawn && !k->noise && i < q->size; i++) {
        if (k->look) {
            dk_real v = queue_element(q, k->kind, k->slot, i);
            if (!(v - v >= 0) && i < q->bad) q->bad = i;
            continue;
        }
        size_t b = i / q->dim;
        dk_real y = 0, first = 0;
        for (int j = 0; j < k->terms; j++) {
            volatile dk_real product = k->c[j][b] * queue_element(q, k->of_kind[j], k->of_slot[j], i); /* rounded */
            if (k->mask >= 0 && j == 0) first = product;
            else y = j == (k->mask >= 0) ? product : y + product;
        }
        if (k->mask >= 0) {
            volatile dk_real m = q->given[k->mask][i], kept = (1 - m) * first, taken = m * y;
            y = kept + taken;
        }
        if (k->clips) y = y < k->clip ? y : k->clip, y = y > -k->clip ? y : -k->clip;
        if (k->kind == DK_VALUE_HALF) dk_to_half(q->number, &y, q->half[k->slot] + i, 1);
        else ((dk_real *)queue_at(q, k->kind, k->slot))[i] = y;
    }
    free(k->noise);
}

static inline void queue_wait(queue_device *d, queue_run *q) {
    for (int i = 0; i < q->count; i++) queue_execute(q, &q->command[i]);
    q->count = 0, d->waits++;
}

static inline queue_command *queue_push(queue_run *q) {
    if (q->count == q->room) {
        q->room = 2 * q->room + 16;
        queue_command *more = (queue_command *)realloc(q->command, (size_t)q->room * sizeof *more);
        if (!more) abort();
        q->command = more;
    }
    queue_command *k = &q->command[q->count++];
    memset(k, 0, sizeof *k);
    k->mask = -1;
    return k;
}

/* Full of NaN: what a plan reads it has written. */
static inline void *queue_memory(size_t n, size_t bytes) {
    void *p = malloc(n * bytes);
    if (!p) abort();
    return memset(p, 0xFF, n * bytes);
}

static inline int queue_begin(void *user, dk_run *run) {
    const dk_plan *p = dk_run_plan(run);
    queue_run *q = (queue_run *)calloc(1, sizeof *q);
    if (!q || p->buffers + 1 > QUEUE_SLOTS || p->halves > QUEUE_SLOTS || p->locals > QUEUE_SLOTS) abort();
    q->size = run->size, q->dim = run->dim, q->number = p->number, q->bad = run->size;
    for (int k = 0; k <= p->buffers; k++) q->buffer[k] = (dk_real *)queue_memory(q->size, sizeof(dk_real));
    for (int k = 0; k < p->halves; k++) q->half[k] = (uint16_t *)queue_memory(q->size, sizeof(uint16_t));
    for (int k = 0; k < p->locals; k++) q->local[k] = (dk_real *)queue_memory(q->size, sizeof(dk_real));
    memcpy(q->buffer[0], queue_handle(run->x), q->size * sizeof(dk_real));
    for (int k = 0; k < 2 && run->config.mask; k++) {
        q->given[k] = (dk_real *)calloc(q->size, sizeof(dk_real));
        memcpy(q->given[k], queue_handle(k ? run->config.mask : run->config.known), q->size * sizeof(dk_real));
    }
    run->device = q;
    ((queue_device *)user)->begun++;
    return 0;
}

static inline void queue_end(void *user, dk_run *run) {
    queue_run *q = (queue_run *)run->device;
    queue_wait((queue_device *)user, q);
    for (int k = 0; k < QUEUE_SLOTS; k++) free(q->buffer[k]), free(q->half[k]), free(q->local[k]);
    free(q->given[0]), free(q->given[1]), free(q->command), free(q);
    ((queue_device *)user)->ended++;
}

/* What has been put in from there on is not done: the same is asked again. */
static inline int queue_take_back(queue_run *q, int from) {
    while (q->count > from) free(q->command[--q->count].noise);
    return 1;
}

static inline int queue_rows(void *user, dk_run *run, const dk_pass *pass) {
    queue_run *q = (queue_run *)run->device;
    queue_device *d = (queue_device *)user;
    const dk_plan *p = dk_run_plan(run);
    const int before = q->count;
    if (d->lost > 0 && --d->lost == 0) return -1;
    for (const dk_row *row = p->row + pass->first, *end = row + pass->count; row < end; row++) {
        queue_command *k = queue_push(q);
        k->kind = p->value[row->dst].kind, k->slot = p->value[row->dst].slot;
        k->mask = row->mask >= 0 ? p->value[row->mask].slot : -1, k->clip = (dk_real)row->clip, k->clips = row->clip > 0, k->terms = row->count;
        for (int j = 0; j < row->count; j++) {
            const dk_term *t = &p->term[row->first + j];
            k->of_kind[j] = p->value[t->value].kind, k->of_slot[j] = p->value[t->value].slot;
            for (int b = 0; b < run->config.batch; b++) {
                double c = t->c;
                for (int power = 0; t->scalar && power < t->power; power++)
                    c *= run->scalars[(t->scalar - 1) * run->config.batch + b];
                k->c[j][b] = (dk_real)c;
            }
        }
        if (row->draw < 0) continue;
        if (dk_run_draw(run, row->draw, &k->source, &k->request)) return queue_take_back(q, before);
        if (!k->source.fn && (k->source.kind == DK_NOISE_PHILOX || k->source.kind == DK_NOISE_BROWNIAN)) {
            k->drawn = 1;
        } else {
            k->noise = (dk_real *)malloc(q->size * sizeof(dk_real));
            if (!k->noise || dk_run_noise(run, row->draw, k->noise)) return queue_take_back(q, before);
        }
    }
    return 0;
}

static inline int queue_find_bad(void *user, dk_run *run, int value, size_t *bad) {
    queue_run *q = (queue_run *)run->device;
    queue_device *d = (queue_device *)user;
    int wait = !d->late || dk_run_plan(run)->attempt || value < 0;
    const dk_value *v = &dk_run_plan(run)->value[value < 0 ? 0 : value];
    if (!wait && q->count > 0) { /* meanwhile the device has done something */
        queue_execute(q, &q->command[0]);
        memmove(q->command, q->command + 1, (size_t)--q->count * sizeof *q->command);
    }
    int before = q->bad < q->size;
    queue_command *k = queue_push(q);
    k->kind = value < 0 ? (int)DK_VALUE_BUFFER : v->kind, k->slot = value < 0 ? 0 : v->slot, k->look = 1;
    if (wait) queue_wait(d, q);
    *bad = wait || before ? q->bad : q->size;
    if (wait && !before) q->bad = q->size; /* it has been said in time */
    return before ? -1 : 0;
}

static inline int queue_get(void *user, dk_run *run, dk_value_kind kind, int slot, void *to) {
    queue_run *q = (queue_run *)run->device;
    queue_wait((queue_device *)user, q);
    memcpy(to, queue_at(q, (int)kind, slot), q->size * (kind == DK_VALUE_HALF ? sizeof(uint16_t) : sizeof(dk_real)));
    return 0;
}

static inline int queue_put(void *user, dk_run *run, dk_value_kind kind, int slot, const void *from) {
    queue_run *q = (queue_run *)run->device;
    queue_wait((queue_device *)user, q);
    memcpy(queue_at(q, (int)kind, slot), from, q->size * (kind == DK_VALUE_HALF ? sizeof(uint16_t) : sizeof(dk_real)));
    return 0;
}

#endif
