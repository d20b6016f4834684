// Records every file that a tool of the compiler opens: loaded into the tool before all else (LD_PRELOAD), it stands
// in front of the C library's functions that open files.
//
// A list of dependencies, which compilers can write, knows what was included in a build that succeeded. It does not
// know what __has_include found, what #pragma GCC dependency looked at, and what was read for an error message.
//
// Each run of a program leaves a file of its own in the folder $PAGEWALK_OPENED: its arguments, an empty string, and
// the paths, each ended by a NUL. What could not be opened is recorded as well: in a sandbox a file is not there for the
// tool that is there for whoever reads the record.
//
// What is no file at all, such as a terminal or a pipe, is recorded and not opened: who reads it may wait for ever.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int record = -1;

static int open_directly(const char *path, int flags) {
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0600);
}

static void write_all(const char *bytes, size_t size) {
    // A record that is not complete would say less than happened: better the compiler fails.
    if (record >= 0 && write(record, bytes, size) != (ssize_t)size) abort();
}

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("PAGEWALK_OPENED");
    if (folder == NULL) return;
    char name[PATH_MAX];
    for (int number = 0; record < 0; number++) {
        snprintf(name, sizeof name, "%s/%d-%d", folder, (int)getpid(), number);
        record = open_directly(name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND);
        if (record < 0 && errno != EEXIST) abort();
    }
    int arguments = open_directly("/proc/self/cmdline", O_RDONLY);
    char part[4096];
    ssize_t size;
    while ((size = read(arguments, part, sizeof part)) > 0) write_all(part, (size_t)size);
    close(arguments);
    write_all("", 1);
}

// What was opened: by its real path, links followed, if it could be opened.
static void note(const char *path, int file) {
    int error = errno;
    char link[64], real[PATH_MAX], folder[PATH_MAX], whole[2 * PATH_MAX + 2];
    ssize_t size = -1;
    if (file >= 0) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        size = readlink(link, real, sizeof real - 1);
    }
    if (size >= 0) {
        real[size++] = '\0';
        write_all(real, (size_t)size);
    } else {
        int is_relative = path[0] != '/' && getcwd(folder, sizeof folder) != NULL;
        snprintf(whole, sizeof whole, "%s%s%s", is_relative ? folder : "", is_relative ? "/" : "", path);
        write_all(whole, strlen(whole) + 1);
    }
    errno = error;
}

static int is_refused(const char *path) {
    struct stat seen;
    if (strcmp(path, "/dev/null") == 0 || stat(path, &seen) != 0) return 0;
    if (S_ISREG(seen.st_mode) || S_ISDIR(seen.st_mode)) return 0;
    errno = EACCES;
    note(path, -1);
    return 1;
}

static void *next(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (function == NULL) abort();
    return function;
}

#define STAND_BEFORE_OPEN(name)                                                        \
    int name(const char *path, int flags, ...) {                                       \
        va_list rest;                                                                  \
        va_start(rest, flags);                                                         \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0;              \
        va_end(rest);                                                                  \
        if (is_refused(path)) return -1;                                               \
        int file = ((int (*)(const char *, int, ...))next(#name))(path, flags, mode);  \
        note(path, file);                                                              \
        return file;                                                                   \
    }

#define STAND_BEFORE_OPENAT(name)                                                                      \
    int name(int folder, const char *path, int flags, ...) {                                           \
        va_list rest;                                                                                  \
        va_start(rest, flags);                                                                         \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0;                              \
        va_end(rest);                                                                                  \
        int file = ((int (*)(int, const char *, int, ...))next(#name))(folder, path, flags, mode);     \
        note(path, file);                                                                              \
        return file;                                                                                   \
    }

#define STAND_BEFORE_FOPEN(name)                                                              \
    FILE *name(const char *path, const char *mode) {                                          \
        if (is_refused(path)) return NULL;                                                    \
        FILE *file = ((FILE * (*)(const char *, const char *)) next(#name))(path, mode);      \
        note(path, file != NULL ? fileno(file) : -1);                                         \
        return file;                                                                          \
    }

STAND_BEFORE_OPEN(open)
STAND_BEFORE_OPEN(open64)
STAND_BEFORE_OPENAT(openat)
STAND_BEFORE_OPENAT(openat64)
STAND_BEFORE_FOPEN(fopen)
STAND_BEFORE_FOPEN(fopen64)

// What -D_FORTIFY_SOURCE makes of open() without a mode.
int __open_2(const char *path, int flags) {
    if (is_refused(path)) return -1;
    int file = ((int (*)(const char *, int))next("__open_2"))(path, flags);
    note(path, file);
    return file;
}

int __open64_2(const char *path, int flags) {
    if (is_refused(path)) return -1;
    int file = ((int (*)(const char *, int))next("__open64_2"))(path, flags);
    note(path, file);
    return file;
}

FILE *freopen(const char *path, const char *mode, FILE *old) {
    FILE *file = ((FILE * (*)(const char *, const char *, FILE *)) next("freopen"))(path, mode, old);
    if (path != NULL) note(path, file != NULL ? fileno(file) : -1);
    return file;
}
