/* A CUDA driver without a device, for `.ci/gpu stub`: memory is the host's, copies happen at once, kernels do nothing. It keeps the rules
   that the host's code must keep and says at the end what was broken: a current context for every call, no call that waits or
   allocates while a stream is captured, every graph and every page-locked block given back.
     CUDA_STUB_FAIL=name   that function fails with error 999
     stub_lose(n)          after n more calls the device is lost: every call fails with error 719; n < 0 makes it whole again
   Only what ILGPU 1.5.3 and CudaDriver.cs call is here. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void *ptr;
enum { COPY, LAUNCH };
struct node { int kind; ptr to, from; size_t bytes; };
struct graph { int count, room, live; struct node *nodes; };
struct stream { int capturing, invalid; struct graph *graph; };

static __thread ptr current;
static struct stream *captured;
static long launches, captures, made, freed, replays, nodes, unsafe_calls, locked, unlocked, events, without_context;

static long calls_left = -1;
static int lost;

void stub_lose(long calls) { lost = 0; calls_left = calls; }

static int injected(const char *name) {
    if (!lost && calls_left >= 0 && __sync_sub_and_fetch(&calls_left, 1) < 0) lost = 1;
    if (lost) return 719;
    const char *fail = getenv("CUDA_STUB_FAIL");
    return fail && !strcmp(fail, name) ? 999 : 0;
}

static int check(const char *name) {
    if (!current) {
        __sync_fetch_and_add(&without_context, 1);
        fprintf(stderr, "cuda stub: %s without a context\n", name);
        return 201;
    }
    return injected(name);
}

/* Calls that a captured stream does not stand. */
static int check_idle(const char *name) {
    int result = check(name);
    if (!result && captured) {
        captured->invalid = 1;
        unsafe_calls++;
        fprintf(stderr, "cuda stub: %s while a stream is captured\n", name);
        result = 900;
    }
    return result;
}

#define CHECK do { int result_ = check(__func__); if (result_) return result_; } while (0)
#define CHECK_IDLE do { int result_ = check_idle(__func__); if (result_) return result_; } while (0)

__attribute__((destructor)) static void report(void) {
    int broken = unsafe_calls || without_context || made != freed || locked != unlocked || events;
    if (launches) {
        fprintf(stderr, "cuda stub: %ld launches, %ld captures, %ld graphs (%ld freed), replayed %ld times with %ld nodes, %ld unsafe calls, "
            "%ld page-locked blocks (%ld freed), %ld events left, %ld calls without a context: %s\n", launches, captures, made, freed,
            replays, nodes, unsafe_calls, locked, unlocked, events, without_context, broken ? "BROKEN" : "sound");
    }
}

static int aligned(ptr *p, size_t bytes) {
    if (posix_memalign(p, 4096, bytes)) return 2;
    memset(*p, 0, bytes);
    return 0;
}

static int queue(struct stream *s, int kind, ptr to, ptr from, size_t bytes) {
    if (s && s->capturing) {
        struct graph *g = s->graph;
        if (g->count == g->room) {
            g->room = g->room ? 2 * g->room : 256;
            g->nodes = realloc(g->nodes, g->room * sizeof *g->nodes);
        }
        g->nodes[g->count++] = (struct node){kind, to, from, bytes};
    } else if (kind == COPY) {
        memcpy(to, from, bytes);
    } else {
        __sync_fetch_and_add(&launches, 1);
    }
    return 0;
}

int cuInit(int flags) { return 0; }
int cuDriverGetVersion(int *version) { *version = 12040; return 0; }
int cuGetErrorString(int error, const char **text) { *text = "error of the stub"; return 0; }
int cuGetErrorName(int error, const char **name) { *name = error == 900 ? "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED" : "CUDA_ERROR_STUB"; return 0; }

int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return 0; }
int cuDeviceGetName(char *name, int length, int device) { snprintf(name, length, "stub without a device"); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = 8ull << 30; return 0; }
int cuDeviceCanAccessPeer(int *can, int a, int b) { *can = 0; return 0; }
int cuDeviceGetP2PAttribute(int *value, int attribute, int a, int b) { *value = 0; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    static const int known[][2] = {{1, 1024}, {2, 1024}, {3, 1024}, {4, 64}, {5, 0x7fffffff}, {6, 65535}, {7, 65535}, {8, 49152}, {9, 65536},
        {10, 32}, {12, 65536}, {16, 132}, {39, 2048}, {75, 9}, {76, 0}, {81, 233472}, {82, 65536}};
    *value = 1;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i][0] == attribute) *value = known[i][1];
    return 0;
}

int cuCtxCreate_v2(ptr *context, int flags, int device) { current = *context = malloc(8); return 0; }
int cuCtxDestroy_v2(ptr context) { if (current == context) current = 0; return 0; }
int cuCtxSetCurrent(ptr context) { current = context; return 0; }
int cuCtxSynchronize(void) { CHECK_IDLE; return 0; }
int cuCtxSetCacheConfig(int config) { return 0; }
int cuCtxGetCacheConfig(int *config) { *config = 0; return 0; }
int cuCtxSetSharedMemConfig(int config) { return 0; }
int cuCtxGetSharedMemConfig(int *config) { *config = 0; return 0; }

int cuMemAlloc_v2(ptr *p, size_t bytes) { CHECK_IDLE; return aligned(p, bytes); }
int cuMemFree_v2(ptr p) { CHECK_IDLE; free(p); return 0; }
int cuMemHostAlloc(ptr *p, size_t bytes, unsigned flags) { CHECK_IDLE; locked++; return aligned(p, bytes); }
int cuMemFreeHost(ptr p) { CHECK_IDLE; unlocked++; free(p); return 0; }
int cuMemGetInfo_v2(size_t *free_, size_t *total) { *free_ = 4ull << 30; *total = 8ull << 30; return 0; }
int cuPointerGetAttribute(ptr value, int attribute, ptr p) { return 1; }
int cuMemcpyAsync(ptr to, ptr from, size_t bytes, ptr s) { CHECK; return queue(s, COPY, to, from, bytes); }
int cuMemcpyHtoDAsync_v2(ptr to, ptr from, size_t bytes, ptr s) { CHECK; return queue(s, COPY, to, from, bytes); }
int cuMemcpyDtoHAsync_v2(ptr to, ptr from, size_t bytes, ptr s) { CHECK; return queue(s, COPY, to, from, bytes); }

int cuStreamCreate(ptr *s, int flags) { CHECK; *s = calloc(1, sizeof(struct stream)); return 0; }
int cuStreamDestroy_v2(ptr s) { return 0; }
int cuStreamSynchronize(struct stream *s) { if (s && s->capturing) CHECK_IDLE; CHECK; return 0; }
int cuStreamWaitEvent(ptr s, ptr event, unsigned flags) { CHECK; return event ? 0 : 400; }

int cuStreamBeginCapture_v2(struct stream *s, int mode) {
    CHECK;
    if (s->capturing) return 1;
    *s = (struct stream){1, 0, calloc(1, sizeof(struct graph))};
    captured = s;
    captures++;
    return 0;
}

int cuStreamEndCapture(struct stream *s, ptr *graph) {
    CHECK;
    if (!s->capturing) return 1;
    s->capturing = 0;
    captured = 0;
    *graph = s->invalid ? 0 : s->graph;
    return s->invalid ? 901 : 0;
}

int cuGraphGetNodes(struct graph *g, ptr *list, size_t *count) { CHECK; *count = g->count; return 0; }
int cuGraphDestroy(struct graph *g) { CHECK; free(g->nodes); free(g); return 0; }

int cuGraphInstantiateWithFlags(struct graph **executable, struct graph *g, unsigned long long flags) {
    CHECK;
    struct graph *copy = malloc(sizeof *copy);
    *copy = *g;
    copy->nodes = memcpy(malloc(g->count * sizeof *g->nodes), g->nodes, g->count * sizeof *g->nodes);
    copy->live = 1;
    *executable = copy;
    made++;
    return 0;
}

/* Kept, so that a launch of a freed graph is seen. */
int cuGraphExecDestroy(struct graph *g) { CHECK; g->live = 0; freed++; return 0; }

int cuGraphLaunch(struct graph *g, struct stream *s) {
    CHECK;
    if (!g->live || s->capturing) return 400;
    replays++;
    nodes += g->count;
    for (int i = 0; i < g->count; i++) queue(s, g->nodes[i].kind, g->nodes[i].to, g->nodes[i].from, g->nodes[i].bytes);
    return 0;
}

int cuModuleLoadData(ptr *module, const char *text) { CHECK_IDLE; *module = malloc(8); return 0; }
int cuModuleLoadDataEx(ptr *module, const char *text, int count, ptr names, ptr values) { CHECK_IDLE; *module = malloc(8); return 0; }
int cuModuleGetFunction(ptr *function, ptr module, const char *name) { *function = malloc(8); return 0; }
int cuModuleUnload(ptr module) { return 0; }
int cuLaunchKernel(ptr f, int gx, int gy, int gz, int bx, int by, int bz, int shared, ptr s, ptr arguments, ptr extra) { CHECK; return queue(s, LAUNCH, 0, 0, 0); }

int cuEventCreate(ptr *event, int flags) { CHECK; *event = calloc(1, 8); __sync_fetch_and_add(&events, 1); return 0; }
int cuEventDestroy_v2(ptr event) { CHECK; free(event); __sync_fetch_and_sub(&events, 1); return 0; }
int cuEventRecord(ptr event, struct stream *s) { if (s->capturing) CHECK_IDLE; CHECK; return event ? 0 : 400; }
int cuEventSynchronize(ptr event) { CHECK; return event ? 0 : 400; }
int cuEventElapsedTime(float *ms, ptr from, ptr to) { *ms = 1; return 0; }

/* Not there yet every third time. */
int cuEventQuery(ptr event) { static long calls; CHECK; return __sync_fetch_and_add(&calls, 1) % 3 ? 0 : 600; }
