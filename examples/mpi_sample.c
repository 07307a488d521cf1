/* mpi_sample.c: any number of samples, drawn by any number of processes, on one machine or many.

       make mpi-sample
       mpirun -n 4 build/mpi_sample FOLDER --samples 100000 --set "steps=20 guidance.scale=3"

   Sample i is the same numbers, whatever the number of processes (ranks): its noise follows from seed and i alone, which
   dk_config.first_sample says. The same command takes up a job that was killed, also with another number of ranks:
   no sample is lost or drawn twice, but for the evaluations since the last checkpoint. docs/scale.md has the costs.

   The unit of work is a run: --set "batch=16" samples, 16 if not said. Each rank takes the next run as soon as it has done
   one, so that a slow rank does few of them and nobody waits for it but at the end. FOLDER, which all machines must see,
   then holds:

       job.txt          what is drawn; a folder with another job is refused
       shard-R.f32      the samples that rank R has drawn, 784 floats each, whole runs in the order in which they ended
       shard-R.index    a line for each of them: first sample, count, shard, place in the shard (0: its first sample)
       run-FIRST.save   the checkpoint of a run under way (dk_save)
       index.txt        at the end: the lines of all shards, in the order of samples

   Another network: replace digits_denoise, digits_config and UNET_PIXELS. With GPUs, a rank takes the one that has its number
   among the ranks of its machine (MPI_Comm_split_type). C11, POSIX, MPI-3. MIT licence. */
#define _POSIX_C_SOURCE 200809L
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include "digits.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mpi.h>
#include <stdarg.h>
#include <sys/stat.h>

enum { PATH = 1024, SAMPLE_BYTES = UNET_PIXELS * (int)sizeof(float), CLASSES = 10 };
_Static_assert(sizeof(dk_real) == sizeof(float), "shards hold floats");
static const int every_class[CLASSES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

/* Where a run's samples lie: in which shard, and how many samples are before them. */
typedef struct place {
    int shard; /* -1: nowhere yet */
    long long at;
} place;

typedef struct job {
    const char *folder, *settings;
    long long samples;
    double seconds; /* between checkpoints */
    dk_config config;
    digits net;
    int rank, ranks, runs;
    /* Run r has samples r * batch .. */
    int *todo, todo_count; /* runs that have not been done before this start */
    long long samples_todo;
    int answers;    /* 1: rank 0 draws nothing */
    MPI_Win window; /* rank 0's counter */
    double start, shown;
    int shown_percent;
} job;

/* ------------------------------------------------------------------------------------ errors */

/* What only one rank may see ends all of them. All that has been indexed stays. */
static void stop(const job *j, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "mpi_sample: rank %d: ", j->rank);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    MPI_Abort(MPI_COMM_WORLD, 1);
    exit(1);
}

/* What all ranks see is said by rank 0. Returns 1. */
static int refuse(const job *j, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (j->rank == 0) {
        fprintf(stderr, "mpi_sample: ");
        vfprintf(stderr, format, arguments);
        fprintf(stderr, "\n");
    }
    va_end(arguments);
    return 1;
}

static void *allocate(const job *j, size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory) stop(j, "out of memory: %zu bytes", bytes);
    return memory;
}

/* ------------------------------------------------------------------------------------- files */

static const char *path_of(const job *j, char path[PATH], const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t length = (size_t)snprintf(path, PATH, "%s/", j->folder);
    vsnprintf(path + length, PATH - length, format, arguments); /* read_arguments left it room */
    va_end(arguments);
    return path;
}

/* Appends and waits until it is on the disk. */
static void append(const job *j, FILE *file, const char *what, const void *bytes, size_t size) {
    if (fwrite(bytes, 1, size, file) != size || fflush(file) || fsync(fileno(file)))
        stop(j, "cannot write shard-%d.%s in %s: %s", j->rank, what, j->folder, strerror(errno));
}

/* Writes a whole file, so that there is always either the old one or the new one. */
static int replace(const char *path, const void *bytes, size_t size) {
    char fresh[PATH + 8];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *file = fopen(fresh, "wb");
    if (!file) return 1;
    int failed = fwrite(bytes, 1, size, file) != size || fflush(file) || fsync(fileno(file));
    failed |= fclose(file) != 0;
    return failed || rename(fresh, path);
}

/* The bytes of a file, NULL where there is none or it is empty. */
static char *whole_file(const job *j, const char *path, size_t *size) {
    struct stat about;
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    *size = fstat(fileno(file), &about) ? 0 : (size_t)about.st_size;
    char *bytes = (char *)allocate(j, *size + 1);
    *size = fread(bytes, 1, *size, file);
    bytes[*size] = 0;
    fclose(file);
    return bytes;
}

/* -------------------------------------------------------------------- the folder, by rank 0 */

static int run_count(const job *j, long long run) { /* samples of it: fewer in the last one */
    long long left = j->samples - run * j->config.batch;
    return left < j->config.batch ? (int)left : j->config.batch;
}

/* Reads one shard's index into where[run], and cuts off what was being written when the job was killed: a line without
   its end, samples without a line. */
static int read_index(const job *j, int shard, place *where) {
    char path[PATH];
    size_t size = 0, good = 0;
    long long samples = 0;
    struct stat about;
    char *text = whole_file(j, path_of(j, path, "shard-%d.index", shard), &size);
    if (!text) return refuse(j, "cannot read %s: %s", path, strerror(errno));
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        long long first, at;
        int count, of, batch = j->config.batch;
        if (sscanf(line, "%lld %d %d %lld", &first, &count, &of, &at) != 4 || first < 0 ||
            first >= j->samples || first % batch || count != run_count(j, first / batch) || of != shard ||
            at != samples)
            return refuse(j, "%s is damaged in byte %zu", path, (size_t)(line - text));
        if (where[first / batch].shard >= 0)
            return refuse(j, "sample %lld is in shards %d and %d", first, where[first / batch].shard, shard);
        where[first / batch].shard = shard, where[first / batch].at = at;
        samples += count, good = (size_t)(end + 1 - text);
    }
    free(text);
    if (truncate(path, (off_t)good)) return refuse(j, "cannot write %s: %s", path, strerror(errno));
    if (stat(path_of(j, path, "shard-%d.f32", shard), &about) || about.st_size / SAMPLE_BYTES < samples)
        return refuse(j, "%s is missing or shorter than its index says", path);
    if (truncate(path, (off_t)samples * SAMPLE_BYTES))
        return refuse(j, "cannot write %s: %s", path, strerror(errno));
    return 0;
}

/* All indices, one for each rank that has ever been. */
static int read_indices(const job *j, place *where) {
    char path[PATH];
    for (int run = 0; run < j->runs; run++) where[run].shard = -1;
    for (int shard = 0; !access(path_of(j, path, "shard-%d.index", shard), F_OK); shard++)
        if (read_index(j, shard, where)) return 1;
    return 0;
}

/* Is this folder ours? Only one job at a time, and always the same. */
static int claim(const job *j) {
    char path[PATH], *mine = (char *)allocate(j, strlen(j->settings) + 200);
    size_t size;
    struct flock lock = {0};
    lock.l_type = F_WRLCK, lock.l_whence = SEEK_SET;
    if (mkdir(j->folder, 0777) && errno != EEXIST)
        return refuse(j, "cannot make %s: %s", j->folder, strerror(errno));
    /* The file stays open, and the lock is ours, until we end. */
    int file = open(path_of(j, path, "lock"), O_RDWR | O_CREAT, 0666);
    if (file < 0) return refuse(j, "cannot write %s: %s", path, strerror(errno));
    if (fcntl(file, F_SETLK, &lock) && (errno == EACCES || errno == EAGAIN))
        return refuse(j, "another job is writing to %s", j->folder);

    sprintf(mine, "version %d\nsamples %lld\nbatch %d\nset %s\n", dk_version(), j->samples, j->config.batch,
            j->settings);
    char *theirs = whole_file(j, path_of(j, path, "job.txt"), &size);
    if (!theirs && replace(path, mine, strlen(mine)))
        return refuse(j, "cannot write %s: %s", path, strerror(errno));
    if (theirs && strcmp(theirs, mine)) {
        size_t line = 0; /* the first that differs */
        for (size_t i = 0; theirs[i] && theirs[i] == mine[i]; i++)
            if (theirs[i] == '\n') line = i + 1;
        return refuse(j, "%s holds another job: '%.*s', not '%.*s'", j->folder,
                      (int)strcspn(theirs + line, "\n"), theirs + line, (int)strcspn(mine + line, "\n"),
                      mine + line);
    }
    free(theirs), free(mine);
    return 0;
}

/* Removes checkpoints that are not needed any more; the number of the others. */
static int count_saves(const job *j, const place *where) {
    char path[PATH];
    int count = 0, end;
    long long first;
    DIR *folder = opendir(j->folder);
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
        end = 0;
        if (sscanf(entry->d_name, "run-%lld.save%n", &first, &end) != 1 || !end || first < 0 ||
            first >= j->samples)
            continue;
        if (entry->d_name[end] || where[first / j->config.batch].shard >= 0)
            remove(path_of(j, path, "%s", entry->d_name));
        else count++;
    }
    if (folder) closedir(folder);
    return count;
}

/* Makes the list of what is to be done. */
static int prepare(job *j) {
    char path[PATH];
    if (claim(j)) return 1;
    /* The samples' file first: read_index must find one where there is an index. */
    for (int shard = 0; shard < j->ranks; shard++)
        for (int k = 0; k < 2; k++) {
            FILE *file = fopen(path_of(j, path, k ? "shard-%d.index" : "shard-%d.f32", shard), "ab");
            if (!file) return refuse(j, "cannot write %s: %s", path, strerror(errno));
            fclose(file);
        }
    place *where = (place *)allocate(j, (size_t)j->runs * sizeof *where);
    if (read_indices(j, where)) return 1;
    for (int run = 0; run < j->runs; run++)
        if (where[run].shard < 0) j->todo[j->todo_count++] = run, j->samples_todo += run_count(j, run);
    int saves = count_saves(j, where);
    fprintf(stderr, "mpi_sample: %d rank%s, %lld of %lld samples to draw", j->ranks, j->ranks == 1 ? "" : "s",
            j->samples_todo, j->samples);
    if (saves) fprintf(stderr, ", %d run%s to go on with", saves, saves == 1 ? "" : "s");
    fprintf(stderr, "\n");
    free(where);
    return 0;
}

/* index.txt, after everything is done. */
static int finish(const job *j) {
    char path[PATH];
    enum { LINE = 64 };
    size_t size = 0;
    place *where = (place *)allocate(j, (size_t)j->runs * sizeof *where);
    char *text = (char *)allocate(j, (size_t)j->runs * LINE);
    if (read_indices(j, where)) return 1;
    for (int run = 0; run < j->runs; run++) {
        long long first = (long long)run * j->config.batch;
        if (where[run].shard < 0) return refuse(j, "sample %lld is in no shard", first);
        size += (size_t)snprintf(text + size, LINE, "%lld %d %d %lld\n", first, run_count(j, run),
                                 where[run].shard, where[run].at);
    }
    if (replace(path_of(j, path, "index.txt"), text, size))
        return refuse(j, "cannot write %s: %s", path, strerror(errno));
    free(where), free(text);
    return 0;
}

/* ----------------------------------------------------------------------------------- counter */

/* How many runs have been taken, in rank 0's memory. Others add to it without rank 0's help where the network has one-sided
   operations (InfiniBand, shared memory). Elsewhere (TCP) MPI on rank 0 answers when it is called, which is between two
   evaluations; --rank0 answers is for there. */
static void open_counter(job *j) {
    long long *counter;
    MPI_Win_allocate(j->rank == 0 ? (MPI_Aint)sizeof *counter : 0, (int)sizeof *counter, MPI_INFO_NULL,
                     MPI_COMM_WORLD, &counter, &j->window);
    MPI_Win_lock_all(0, j->window);
    if (j->rank == 0) *counter = 0, MPI_Win_sync(j->window);
    MPI_Barrier(MPI_COMM_WORLD);
}

/* Takes so many runs; what the counter was before. */
static long long take(const job *j, long long runs) {
    long long before;
    MPI_Fetch_and_op(&runs, &before, MPI_LONG_LONG, 0, 0, MPI_SUM, j->window);
    MPI_Win_flush(0, j->window);
    return before;
}

/* How many samples are done: a rank that draws takes a run when it has done the last one, and one too many at the end. */
static long long samples_done(const job *j) {
    const long long runs = take(j, 0) - (j->ranks - j->answers), samples = runs * j->config.batch;
    return runs < 0 ? 0 : samples < j->samples_todo ? samples : j->samples_todo;
}

/* Progress, on rank 0: a moving line on a terminal, else one when a percent is done, at most every ten seconds. */
static void show(job *j) {
    if (j->rank != 0) return;
    const int terminal = DIGITS_IS_TERMINAL(2);
    const double now = digits_seconds(), spent = now - j->start;
    const long long done = samples_done(j), all = j->samples_todo;
    const int percent = all ? (int)(100 * done / all) : 0, over = percent == 100;
    if (percent == j->shown_percent || (!over && now - j->shown < (terminal ? 0.2 : 10))) return;
    j->shown = now, j->shown_percent = percent;
    fprintf(stderr, "%smpi_sample: %lld of %lld samples, %.1f/s, %.0f s, %.0f s left%s", terminal ? "\r" : "",
            done, all, (double)done / spent, spent, done ? spent * (double)(all - done) / (double)done : 0,
            terminal && !over ? "   " : "\n");
}

/* -------------------------------------------------------------------------------------- runs */

/* Goes on with a run where its checkpoint ends. One that does not fit is said to be so, and the run begins anew. */
static void load(const job *j, dk_run *run, const char *path) {
    size_t size = 0;
    char *bytes = whole_file(j, path, &size);
    if (bytes && dk_load(run, bytes, size))
        fprintf(stderr, "mpi_sample: rank %d: %s is not used: %s\n", j->rank, path, run->message);
    free(bytes);
}

static void save(const job *j, dk_run *run, const char *path) {
    size_t size = dk_save_size(run);
    void *bytes = allocate(j, size);
    if (dk_save(run, bytes, size)) stop(j, "%s", run->message);
    if (replace(path, bytes, size)) stop(j, "cannot write %s: %s", path, strerror(errno));
    free(bytes);
}

/* Draws the samples first .. of one run into x. */
static void draw(job *j, long long first, int count, const char *path, dk_real *x) {
    dk_run run;
    dk_eval e;
    dk_config c = j->config;
    c.batch = count, c.first_sample += (uint64_t)first;
    if (dk_begin(&run, &c, x, NULL, 0)) stop(j, "samples from %lld on: %s", first, run.message);
    load(j, &run, path);
    double saved = digits_seconds();
    while (dk_next(&run, &e)) {
        if (digits_seconds() - saved >= j->seconds) save(j, &run, path), saved = digits_seconds();
        if (digits_denoise(&j->net, &e)) stop(j, "out of memory for the network");
        show(j);
    }
    if (run.status) stop(j, "samples from %lld on: %s", first, run.message);
    dk_end(&run);
}

/* Draws run after run until all are taken. */
static void work(job *j) {
    char path[PATH], line[128];
    dk_real *x = (dk_real *)allocate(j, (size_t)j->config.batch * SAMPLE_BYTES);
    struct stat about;
    FILE *shard = fopen(path_of(j, path, "shard-%d.f32", j->rank), "ab");
    if (!shard || fstat(fileno(shard), &about)) stop(j, "cannot write %s: %s", path, strerror(errno));
    FILE *index = fopen(path_of(j, path, "shard-%d.index", j->rank), "ab");
    if (!index) stop(j, "cannot write %s: %s", path, strerror(errno));

    long long at = about.st_size / SAMPLE_BYTES;
    for (long long next; (next = take(j, 1)) < j->todo_count;) {
        const int run = j->todo[next], count = run_count(j, run);
        const long long first = (long long)run * j->config.batch;
        draw(j, first, count, path_of(j, path, "run-%lld.save", first), x);
        /* Samples first: a line says that they are there. */
        append(j, shard, "f32", x, (size_t)count * SAMPLE_BYTES);
        append(j, index, "index", line,
               (size_t)snprintf(line, sizeof line, "%lld %d %d %lld\n", first, count, j->rank, at));
        remove(path);
        at += count;
    }
    if (fclose(shard) || fclose(index))
        stop(j, "cannot write shard-%d in %s: %s", j->rank, j->folder, strerror(errno));
    free(x);
}

/* Until the others are done: shows how far they are, and answers them. */
static void wait_for_others(job *j) {
    const struct timespec moment = {0, 1000000};
    for (; samples_done(j) < j->samples_todo; nanosleep(&moment, NULL)) show(j);
    show(j);
}

/* -------------------------------------------------------------------------------------- main */

static int usage(const job *j) {
    refuse(
        j,
        "mpi_sample FOLDER --samples N [--set \"SETTINGS\"] [--checkpoint SECONDS] [--rank0 answers]\n"
        "    --set         as dk_config_set: \"steps=20 seed=7 batch=64 sampler=dpmpp_2m guidance.scale=3\"\n"
        "    --checkpoint  time between checkpoints of a run; 60 if not said, 0: before every evaluation\n"
        "    --rank0       draws, or answers the others only, over a network without one-sided operations");
    return 2;
}

/* Arguments and config; 0 if they will do. */
static int read_arguments(job *j, int argc, char **argv) {
    static const char weights[] = "examples/digits/weights.bin";
    char *end = NULL;
    j->seconds = 60, j->settings = "";
    if (argc < 2 || argv[1][0] == '-') return usage(j);
    j->folder = argv[1];
    for (int i = 2; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--samples")) j->samples = strtoll(value, &end, 10);
        else if (!strcmp(argv[i], "--set")) j->settings = value, end = NULL;
        else if (!strcmp(argv[i], "--checkpoint")) j->seconds = strtod(value, &end);
        else if (!strcmp(argv[i], "--rank0") && (!strcmp(value, "draws") || !strcmp(value, "answers")))
            j->answers = !strcmp(value, "answers"), end = NULL;
        else return refuse(j, "unknown option %s %s", argv[i], value), usage(j);
        if (!*value || (end && *end)) return refuse(j, "%s '%s' is no value", argv[i], value), usage(j);
    }
    if (strlen(j->folder) > PATH / 2) return refuse(j, "the folder's name is too long"), 2;
    if (j->answers && j->ranks == 1) return refuse(j, "--rank0 answers needs another rank that draws"), 2;
    if (strchr(j->settings, '\n')) return refuse(j, "--set must be one line"), 2;
    const char *wrong = unet_load(&j->net.net, weights);
    if (wrong) stop(j, "%s: %s (start it in the project's root)", weights, wrong);

    j->net.labels = every_class, j->net.count = CLASSES;
    j->config = digits_config(&j->net);
    if (dk_config_set(&j->config, j->settings)) return refuse(j, "--set: %s", dk_message(&j->config)), 2;
    dk_config c = j->config; /* as the last run has it */
    if (!c.batch) c.batch = 16;
    j->config.batch = c.batch;
    if (j->samples < 1 || (c.batch > 0 && (j->samples - 1) / c.batch >= INT_MAX))
        return refuse(j, "--samples %lld: must be 1 .. %d runs of %d", j->samples, INT_MAX, c.batch), 2;
    if (c.batch > 0)
        j->runs = (int)((j->samples - 1) / c.batch + 1),
        c.first_sample += (uint64_t)(j->runs - 1) * (uint64_t)c.batch;
    if (dk_resolve(&c)) return refuse(j, "--set: %s", dk_message(&c)), 2;
    if (c.dim != UNET_PIXELS) return refuse(j, "--set: dim = %zu: the network has %d", c.dim, UNET_PIXELS), 2;
    if (c.batch > 1 && (c.sampler.control.rtol > 0 || c.sampler.control.atol > 0))
        return refuse(j, "--set: step-size control: a batch shares its steps, so that a sample depends on "
                         "the others; batch=1"),
               2;
    return 0;
}

/* Everything between MPI's begin and end; the exit status. */
static int sample(job *j, int argc, char **argv) {
    int failed = read_arguments(j, argc, argv);
    if (failed) return failed;
    j->todo = (int *)allocate(j, (size_t)j->runs * sizeof *j->todo);
    if (j->rank == 0) failed = prepare(j);
    MPI_Bcast(&failed, 1, MPI_INT, 0, MPI_COMM_WORLD);
    if (failed) return 1;
    MPI_Bcast(&j->todo_count, 1, MPI_INT, 0, MPI_COMM_WORLD);
    MPI_Bcast(j->todo, j->todo_count, MPI_INT, 0, MPI_COMM_WORLD);

    open_counter(j);
    j->start = digits_seconds();
    if (j->rank > 0 || !j->answers) work(j);
    if (j->rank == 0) wait_for_others(j);
    MPI_Win_unlock_all(j->window);
    MPI_Win_free(&j->window); /* waits for all, whose files are then closed */
    if (j->rank == 0) failed = finish(j);
    free(j->todo);
    unet_free(&j->net.net);
    return failed;
}

int main(int argc, char **argv) {
    job j = {0};
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &j.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &j.ranks);
    int status = sample(&j, argc, argv);
    MPI_Finalize();
    return status;
}
