/* Makes the N-th call of a kind fail that touches a given folder; loaded into every process of a run by LD_PRELOAD.

   FAILING_FOLDER   calls that touch what lies in it are counted (absolute, without links)
   FAILING_COUNTS   a file of NUM_KINDS 64-bit numbers that all processes share: calls so far, by kind
   FAILING_LOG      a line for each call: pid, kind, errno or 0, descriptor or -1, path, and where it is renamed to
   FAILING_KIND     the kind that fails, by its name in KINDS; none where it is not set
   FAILING_AT       the number of the call that fails, from 1
   FAILING_ERRNO    what it fails with
   FAILING_ON       1: so do all later ones of that kind

   A call that fails is not made, but for close: Linux gives the descriptor back whatever close says. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN, WRITE, TRUNCATE, FSYNC, CLOSE, RENAME, MKDIR, UNLINK, NUM_KINDS };
static const char *const KINDS[NUM_KINDS] = {"open",  "write",  "truncate", "fsync",
                                             "close", "rename", "mkdir",    "unlink"};

static uint64_t *counts;
static int failing_kind = -1, failing_errno = EIO, from_then_on;
static uint64_t failing_at;
static char folder[PATH_MAX];
static const char *log_path;
static size_t folder_length;

/* The C library's own; looked up once, since a child of several threads must not look it up between fork and exec. */
#define NEXT(name)                                                                                                     \
    ({                                                                                                                 \
        static __typeof__(&name) next;                                                                                 \
        next ? next : (next = (__typeof__(&name))dlsym(RTLD_NEXT, #name));                                             \
    })

__attribute__((constructor)) static void begin(void) {
    const char *under = getenv("FAILING_FOLDER"), *shared = getenv("FAILING_COUNTS"), *told = getenv("FAILING_LOG");
    const char *kind = getenv("FAILING_KIND"), *at = getenv("FAILING_AT"), *error = getenv("FAILING_ERRNO");
    if (!under || !shared || !told)
        return;
    folder_length = strlen(strncpy(folder, under, sizeof folder - 1));
    int descriptor = syscall(SYS_openat, AT_FDCWD, shared, O_RDWR | O_CLOEXEC);
    if (descriptor < 0)
        return;
    void *place = mmap(NULL, NUM_KINDS * sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    syscall(SYS_close, descriptor);
    if (place == MAP_FAILED)
        return;
    for (int each = 0; kind && each < NUM_KINDS; each++)
        if (!strcmp(kind, KINDS[each]))
            failing_kind = each;
    failing_at = at ? strtoull(at, NULL, 10) : 0;
    failing_errno = error ? atoi(error) : EIO;
    from_then_on = getenv("FAILING_ON") != NULL;
    log_path = told;
    close(-1); /* of all calls the one that is made between fork and exec */
    counts = place;
}

static int is_inside(const char *path) {
    return !strncmp(path, folder, folder_length) && (path[folder_length] == '/' || !path[folder_length]);
}

/* Where a descriptor leads; the working folder for AT_FDCWD. */
static void path_of_descriptor(int descriptor, char *path) {
    char name[32];
    path[0] = 0;
    if (descriptor == AT_FDCWD)
        strcpy(name, "/proc/self/cwd");
    else
        snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(name, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
}

static void path_at(int descriptor, const char *name, char *path) {
    path[0] = 0;
    if (name[0] != '/') {
        path_of_descriptor(descriptor, path);
        strncat(path, "/", PATH_MAX - 1 - strlen(path));
    }
    strncat(path, name, PATH_MAX - 1 - strlen(path));
}

/* Count a call and tell whether it has to fail; errno is then set. */
static int fails(int kind, int descriptor, const char *path, const char *target) {
    int before = errno;
    if (!counts || (!is_inside(path) && !is_inside(target)))
        return 0;
    uint64_t number = __atomic_add_fetch(&counts[kind], 1, __ATOMIC_SEQ_CST);
    int failing = kind == failing_kind && (number == failing_at || (from_then_on && number > failing_at));
    char line[2 * PATH_MAX + 100];
    int length = snprintf(line, sizeof line, "%d\t%s\t%d\t%d\t%s\t%s\n", (int)getpid(), KINDS[kind],
                          failing ? failing_errno : 0, descriptor, path, target);
    int log = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_APPEND | O_CLOEXEC); /* nobody can close it for us */
    syscall(SYS_write, log, line, (size_t)length);
    syscall(SYS_close, log);
    errno = failing ? failing_errno : before;
    return failing;
}

static int fails_by_name(int kind, int at, const char *name) {
    char path[PATH_MAX];
    if (!counts || !name)
        return 0;
    path_at(at, name, path);
    return fails(kind, -1, path, "");
}

static int fails_by_descriptor(int kind, int descriptor) {
    char path[PATH_MAX];
    if (!counts || descriptor < 0)
        return 0;
    int before = errno;
    path_of_descriptor(descriptor, path);
    errno = before;
    return fails(kind, descriptor, path, "");
}

static int rename_fails(int from_at, const char *from, int to_at, const char *to) {
    char source[PATH_MAX], target[PATH_MAX];
    if (!counts)
        return 0;
    path_at(from_at, from, source);
    path_at(to_at, to, target);
    return fails(RENAME, -1, source, target);
}

static mode_t mode_of(int flags, va_list rest) {
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
}

#define OPENING(name, parameters, arguments, at)                                                                       \
    int name parameters {                                                                                              \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = mode_of(flags, rest);                                                                            \
        va_end(rest);                                                                                                  \
        return fails_by_name(OPEN, at, path) ? -1 : NEXT(name) arguments;                                              \
    }

OPENING(open, (const char *path, int flags, ...), (path, flags, mode), AT_FDCWD)
OPENING(open64, (const char *path, int flags, ...), (path, flags, mode), AT_FDCWD)
OPENING(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode), at)
OPENING(openat64, (int at, const char *path, int flags, ...), (at, path, flags, mode), at)

#define BY_DESCRIPTOR(result, kind, name, parameters, arguments)                                                       \
    result name parameters { return fails_by_descriptor(kind, descriptor) ? -1 : NEXT(name) arguments; }

BY_DESCRIPTOR(ssize_t, WRITE, write, (int descriptor, const void *data, size_t size), (descriptor, data, size))
BY_DESCRIPTOR(ssize_t, WRITE, writev, (int descriptor, const struct iovec *data, int count), (descriptor, data, count))
BY_DESCRIPTOR(ssize_t, WRITE, pwrite, (int descriptor, const void *data, size_t size, off_t at),
              (descriptor, data, size, at))
BY_DESCRIPTOR(ssize_t, WRITE, pwrite64, (int descriptor, const void *data, size_t size, off64_t at),
              (descriptor, data, size, at))
BY_DESCRIPTOR(ssize_t, WRITE, pwritev64v2, (int descriptor, const struct iovec *data, int count, off64_t at, int flags),
              (descriptor, data, count, at, flags))
BY_DESCRIPTOR(int, TRUNCATE, ftruncate, (int descriptor, off_t size), (descriptor, size))
BY_DESCRIPTOR(int, TRUNCATE, ftruncate64, (int descriptor, off64_t size), (descriptor, size))
BY_DESCRIPTOR(int, FSYNC, fsync, (int descriptor), (descriptor))
BY_DESCRIPTOR(int, FSYNC, fdatasync, (int descriptor), (descriptor))
BY_DESCRIPTOR(int, FSYNC, syncfs, (int descriptor), (descriptor))

int close(int descriptor) {
    int failing = fails_by_descriptor(CLOSE, descriptor), result = NEXT(close)(descriptor);
    if (failing)
        errno = failing_errno;
    return failing ? -1 : result;
}

DIR *opendir(const char *path) { return fails_by_name(OPEN, AT_FDCWD, path) ? NULL : NEXT(opendir)(path); }

int closedir(DIR *stream) {
    int failing = fails_by_descriptor(CLOSE, dirfd(stream)), result = NEXT(closedir)(stream);
    if (failing)
        errno = failing_errno;
    return failing ? -1 : result;
}

int rename(const char *from, const char *to) {
    return rename_fails(AT_FDCWD, from, AT_FDCWD, to) ? -1 : NEXT(rename)(from, to);
}
int renameat(int from_at, const char *from, int to_at, const char *to) {
    return rename_fails(from_at, from, to_at, to) ? -1 : NEXT(renameat)(from_at, from, to_at, to);
}
int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    return rename_fails(from_at, from, to_at, to) ? -1 : NEXT(renameat2)(from_at, from, to_at, to, flags);
}

int mkdir(const char *path, mode_t mode) {
    return fails_by_name(MKDIR, AT_FDCWD, path) ? -1 : NEXT(mkdir)(path, mode);
}
int mkdirat(int at, const char *path, mode_t mode) {
    return fails_by_name(MKDIR, at, path) ? -1 : NEXT(mkdirat)(at, path, mode);
}
int unlink(const char *path) { return fails_by_name(UNLINK, AT_FDCWD, path) ? -1 : NEXT(unlink)(path); }
int unlinkat(int at, const char *path, int flags) {
    return fails_by_name(UNLINK, at, path) ? -1 : NEXT(unlinkat)(at, path, flags);
}
