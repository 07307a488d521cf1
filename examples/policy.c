/* policy.c: a robot's policy at its control rate: one plan, thousands of runs, nothing allocated in between.

       make policy          or: build/policy [RUNS]

   The same policy three times, as its network would be in three conventions. What each network is told and tells is written
   as its source has it; one line of settings per convention does the rest:

       pi0, openpi         x = t noise + (1 - t) actions, t falls from 1 to 0, the network tells noise - actions
       pi0, its paper      x = t actions + (1 - t) noise, t rises from 0 to 1, the network tells actions - noise
       Diffusion Policy    x = sqrt(abar) actions + sqrt(1 - abar) noise, timesteps 99 .. 0, the network tells noise

   The right answer is known. An expert's actions come closer to the goal that the robot sees, give or take `deviation`. So
   the network is a formula, and what is run rightly is off by nothing, on average. Its deviation is smaller than the expert's, for
   steps are few: 0.0618 by ten of Euler, 0.0872 by a hundred of DDPM. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ACTIONS = 16, JOINTS = 7, DIM = ACTIONS * JOINTS, TIMESTEPS = 100, MOST = 1000000 };
static const double deviation = 0.1;

/* What the expert does in action i, on average. */
static double expert(int i, double goal) { return goal * (1 - exp(-(i + 1) / 4.0)); }

/* ---------------------------------------------------------------------- the network, in three words */

/* E[action | x] where x = a action + s noise. */
static double mean_action(double x, double a, double s, double mean) {
    double share = a * deviation * deviation / (a * a * deviation * deviation + s * s);
    return mean + share * (x - a * mean);
}

static double openpi(double x, double t, double mean) { return (x - mean_action(x, 1 - t, t, mean)) / t; }

static double pi0_paper(double x, double t, double mean) {
    return (mean_action(x, t, 1 - t, mean) - x) / (1 - t);
}

/* abar is the product of 1 - beta up to the timestep; Nichol & Dhariwal 2021, eq. 17. */
static double diffusion_policy(double x, double timestep, double mean) {
    static double abar[TIMESTEPS];
    for (int i = 0; abar[TIMESTEPS - 1] == 0 && i < TIMESTEPS; i++) {
        double now = cos((i / (double)TIMESTEPS + 0.008) / 1.008 * acos(0.0));
        double next = cos(((i + 1) / (double)TIMESTEPS + 0.008) / 1.008 * acos(0.0));
        abar[i] = (i ? abar[i - 1] : 1) * (1 - fmin(0.999, 1 - next * next / (now * now)));
    }
    double a = sqrt(abar[(int)timestep]), s = sqrt(1 - a * a);
    return (x - a * mean_action(x, a, s, mean)) / s;
}

/* ------------------------------------------------------------------------------------- the policies */

typedef struct policy {
    const char *name, *settings;
    double (*network)(double x, double told, double mean);
} policy;

static const policy policies[] = {
    {"pi0, openpi", "schedule=flow grid=uniform sampler=euler steps=10", openpi},
    {"pi0, its paper", "schedule=flow condition=data negated=1 grid=uniform sampler=euler steps=10",
     pi0_paper},
    {"Diffusion Policy",
     "schedule=vp_cosine schedule.timesteps=100 schedule.t_max=99 clip=1 sampler=ddpm steps=100",
     diffusion_policy},
};

static void denoise(const policy *p, const double goal[JOINTS], const dk_eval *e) {
    for (int n = 0; n < DIM; n++)
        e->output[n] = (dk_real)p->network((double)e->input[n], e->t, expert(n / JOINTS, goal[n % JOINTS]));
}

/* One chunk of actions for what the robot sees. `memory` serves every run. */
static dk_status act(const policy *p, const dk_plan *plan, const dk_config *c, const double goal[JOINTS],
                     dk_real actions[DIM]) {
    static char memory[1 << 14];
    dk_run run;
    dk_eval e;
    dk_begin_plan(&run, plan, c, actions, memory, sizeof memory);
    while (dk_next(&run, &e)) denoise(p, goal, &e);
    if (run.status) fprintf(stderr, "policy: %s: %s\n", p->name, run.message);
    dk_end(&run);
    return run.status;
}

static double microseconds(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return 1e6 * (double)(now.tv_sec % 86400) + 1e-3 * (double)now.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    double d = *(const double *)a - *(const double *)b;
    return (d > 0) - (d < 0);
}

int main(int argc, char **argv) {
    static double took[MOST];
    const int runs = argc > 1 ? atoi(argv[1]) : 10000;
    if (argc > 2 || runs < 1 || runs > MOST) return fprintf(stderr, "usage: policy [RUNS]\n"), 2;
    printf("%d runs           evaluations   off by  deviation   microseconds: median  99 of 100  longest\n",
           runs);
    for (size_t k = 0; k < sizeof policies / sizeof *policies; k++) {
        const policy *p = &policies[k];
        dk_plan plan = {0};
        dk_config c = {0};
        if (dk_config_set(&c, p->settings) || dk_record(&plan, &c))
            return fprintf(stderr, "policy: %s: %s\n", p->name, dk_message(&c)), 1;
        c.dim = DIM;
        double off = 0, square = 0;
        for (int r = 0; r < runs; r++) {
            double goal[JOINTS];
            dk_real actions[DIM];
            for (int j = 0; j < JOINTS; j++) goal[j] = 0.6 * sin(r + 2.0 * j);
            c.seed = (uint64_t)r; /* the plan stays: a seed is the run's */
            double start = microseconds();
            if (act(p, &plan, &c, goal, actions)) return 1;
            took[r] = microseconds() - start;
            for (int n = 0; n < DIM; n++) {
                double d = (double)actions[n] - expert(n / JOINTS, goal[n % JOINTS]);
                off += d / DIM / runs, square += d * d / DIM / runs;
            }
        }
        qsort(took, (size_t)runs, sizeof *took, ascending);
        printf("%-22s %9d %9.4f %9.4f %22.1f %10.1f %8.1f\n", p->name, plan.calls, fabs(off),
               sqrt(square - off * off), took[runs / 2], took[(int)(0.99 * runs)], took[runs - 1]);
        dk_plan_free(&plan);
    }
    return 0;
}
