// A raw Hyperscan scan of bodies, beside which Weir's own scan is measured.
//
//   hs_raw PATTERNS BODIES SECONDS
//
// PATTERNS: one a line, `#` begins a comment. BODIES: each a 32-bit length in host order and so many bytes.
// Scans all bodies again and again, each for SECONDS of processor time: in streaming mode by pieces of 1,448 bytes (what a full Ethernet
// segment carries), and in block mode. Prints `streaming GBIT MATCHES` and `block GBIT MATCHES` (matches of one round).
#include <hs/hs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PIECE = 1448, MAX_PATTERNS = 64, MAX_LINE = 1024 };

static char *patterns[MAX_PATTERNS];
static unsigned flags[MAX_PATTERNS], ids[MAX_PATTERNS];
static unsigned count;

static void die(const char *what) {
    fprintf(stderr, "hs_raw: %s\n", what);
    exit(1);
}

static char *read_file(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END)) die(path);
    *size = (size_t)ftell(f);
    rewind(f);
    char *bytes = malloc(*size + 1);
    if (!bytes || fread(bytes, 1, *size, f) != *size) die(path);
    fclose(f);
    return bytes;
}

static void read_patterns(const char *path) {
    char line[MAX_LINE];
    FILE *f = fopen(path, "r");
    if (!f) die(path);
    while (fgets(line, sizeof line, f) && count < MAX_PATTERNS) {
        line[strcspn(line, "\n")] = 0;
        if (!*line || *line == '#') continue;
        patterns[count] = strdup(line);
        // No start of match: what a filter needs least, and what costs Hyperscan least.
        flags[count] = HS_FLAG_DOTALL | HS_FLAG_SINGLEMATCH;
        ids[count] = count;
        count++;
    }
    fclose(f);
}

static hs_database_t *compile(unsigned mode) {
    hs_database_t *db;
    hs_compile_error_t *error;
    if (hs_compile_multi((const char *const *)patterns, flags, ids, count, mode, NULL, &db, &error) != HS_SUCCESS)
        die(error->message);
    return db;
}

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned f, void *matches) {
    (void)id, (void)from, (void)to, (void)f;
    ++*(unsigned long *)matches;
    return 0;
}

// Processor time, so that other programs on the machine do not count.
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    if (argc != 4) die("usage: hs_raw PATTERNS BODIES SECONDS");
    read_patterns(argv[1]);
    size_t size;
    char *bodies = read_file(argv[2], &size);
    double seconds = atof(argv[3]);
    for (int streaming = 1; streaming >= 0; streaming--) {
        hs_database_t *db = compile(streaming ? HS_MODE_STREAM : HS_MODE_BLOCK);
        hs_scratch_t *scratch = NULL;
        hs_stream_t *stream = NULL;
        if (hs_alloc_scratch(db, &scratch) != HS_SUCCESS) die("no scratch");
        if (streaming && hs_open_stream(db, 0, &stream) != HS_SUCCESS) die("no stream");
        unsigned long matches = 0;
        double bytes = 0, start = now(), spent;
        do {
            matches = 0;
            for (size_t at = 0; at + 4 <= size;) {
                uint32_t length;
                memcpy(&length, bodies + at, 4);
                const char *body = bodies + at + 4;
                if (streaming) {
                    for (uint32_t p = 0; p < length; p += PIECE)
                        hs_scan_stream(stream, body + p, length - p < PIECE ? length - p : PIECE, 0, scratch, on_match, &matches);
                    hs_reset_stream(stream, 0, scratch, on_match, &matches);
                } else {
                    hs_scan(db, body, length, 0, scratch, on_match, &matches);
                }
                bytes += length;
                at += 4 + length;
            }
            spent = now() - start;
        } while (spent < seconds);
        printf("%s %.3f %lu\n", streaming ? "streaming" : "block", bytes * 8 / spent / 1e9, matches);
        if (stream) hs_close_stream(stream, scratch, NULL, NULL);
        hs_free_scratch(scratch);
        hs_free_database(db);
    }
    return 0;
}
